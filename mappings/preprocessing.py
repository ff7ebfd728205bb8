"""How an image or a clip becomes the input of a network of mappings/zoo/*.yaml.

Each rule is what GluonCV's evaluation of that family does, or its demonstration (`demo`); the
tables name the rule by `kind`. converter/inference/images/task_input.py applies them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .catalog import Preprocessing
from .schema import Row

Size = tuple[int, int]  # height, width
# auto is MXNet's method 9: cubic if both sides grow, area if both shrink, otherwise linear
Interpolation = Literal["linear", "cubic", "area", "auto", "lanczos"]


class Stretch(Row, frozen=True, tag_field="kind", tag="stretch"):
    """Resize to a fixed size, whatever the image's shape.

    Attributes:
        size: Height and width, in pixels.
    """

    size: Size
    interpolation: Interpolation


class ShortSide(Row, frozen=True, tag_field="kind", tag="short_side"):
    """Resize the shorter side to a length, keeping the shape.

    Attributes:
        short: Length of the shorter side, in pixels.
        max_size: Limit of the longer side, which prevails.
        multiple: Both sides are rounded to multiples of it.
    """

    short: int
    max_size: int
    interpolation: Interpolation
    multiple: int = 1


class Letterbox(Row, frozen=True, tag_field="kind", tag="letterbox"):
    """Scale the longer side to the input's width and centre the image, with black borders.

    Attributes:
        size: Height and width of the input, in pixels.
    """

    size: Size


class KeepSize(Row, frozen=True, tag_field="kind", tag="keep_size"):
    """Take the image as it is."""


class CentreCrop(Row, frozen=True, tag_field="kind", tag="centre_crop"):
    """Resize the shorter side linearly, then crop the centre.

    Attributes:
        size: Height and width of the crop, in pixels.
        crop_pct: Side of the crop / shorter side of the resized image.
    """

    size: Size
    crop_pct: float


class PersonWarp(Row, frozen=True, tag_field="kind", tag="person_warp"):
    """Widen a person's box to the input's shape, enlarge it about its centre, and scale it.

    What lies outside the image is black.

    Attributes:
        size: Height and width of the input, in pixels.
        enlarge: Factor of the box's sides.
    """

    size: Size
    enlarge: float


class PersonCrop(Row, frozen=True, tag_field="kind", tag="person_crop"):
    """Enlarge a person's box about its centre, and cut it at the image's edges.

    The rest is resized cubically, in float32.

    Attributes:
        size: Height and width of the input, in pixels.
        enlarge: Factor of the box's sides.
    """

    size: Size
    enlarge: float


class PaddedPersonCrop(Row, frozen=True, tag_field="kind", tag="padded_person_crop"):
    """Enlarge a person's box, and scale it into the input without changing its shape.

    What lies outside the box is black.

    Attributes:
        size: Height and width of the input, in pixels.
    """

    size: Size


class FrameCrop(Row, frozen=True, tag_field="kind", tag="frame_crop"):
    """Resize each frame of a video linearly to a fixed size, then crop the centre.

    Attributes:
        resized: Height and width after resizing, in pixels.
        size: Height and width of the crop, in pixels.
        frames: Number of frames of a clip; None for a network that takes single frames.
        step: Distance between the frames of a clip; 1 takes consecutive ones.
        slow_step: The same of the frames that follow these, for a second path of the network at
            a lower rate (SlowFast); None if there is no such path.
    """

    resized: Size
    size: Size
    frames: int | None = None
    step: int = 1
    slow_step: int | None = None


class FramePair(Row, frozen=True, tag_field="kind", tag="frame_pair"):
    """Resize two consecutive frames of a video, and take their channels one after the other.

    Attributes:
        size: Height and width, in pixels.
    """

    size: Size
    interpolation: Interpolation


class ObjectWindows(Row, frozen=True, tag_field="kind", tag="object_windows"):
    """Cut a square about an object from its first frame, and one where it is looked for.

    What lies outside the frame has the frame's mean colour. Pixels are BGR, from 0 to 255.

    Attributes:
        template: Side of the first square as the network takes it, in pixels.
        search: Side of the other, which shows more in the same scale.
        context: Margin about an object, as a part of the sum of its width and height.
    """

    template: int
    search: int
    context: float


ImageRule = Stretch | ShortSide | Letterbox | KeepSize | CentreCrop
PersonRule = PersonWarp | PersonCrop | PaddedPersonCrop
VideoRule = FrameCrop | FramePair | ObjectWindows
Rule = ImageRule | PersonRule | VideoRule


@dataclass(frozen=True)
class TaskPreprocessing:
    """How the input of a network is prepared.

    Attributes:
        rule: How the pixels are chosen.
        mean, std: Per channel, for RGB values in 0 … 1.
    """

    rule: Rule
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def of_classifier(self) -> Preprocessing:
        """Return the same facts as the catalogue's networks have them.

        Raises:
            TypeError: The network does not classify images.
        """
        rule = self.rule
        if not isinstance(rule, CentreCrop):
            raise TypeError(f"{type(rule).__name__} is not the crop of an image classifier")
        return Preprocessing(rule.size, self.mean, self.std, rule.crop_pct, "bilinear")
