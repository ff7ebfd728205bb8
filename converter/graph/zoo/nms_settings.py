"""Settings of non-maximum suppression (NMS), with which detectors select boxes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from numbers import Integral, Real

NO_LIMIT = -1
COUNTS = ("nms_topk", "post_nms")


class SettingError(ValueError):
    """A setting has an invalid value.

    Attributes:
        template: The message, with the names of settings in braces; `{no_nms}` is NMS left out.
    """

    def __init__(self, template: str) -> None:
        self.template = template
        super().__init__(template.format(**spellings()))


@dataclass(frozen=True)
class NmsSettings:
    """Settings of non-maximum suppression; None keeps the graph's.

    Attributes:
        nms_thresh: Boxes of a class that overlap by more than this share (intersection over union)
            are suppressed, but for the one with the highest score.
        score_thresh: Only detections of higher scores are returned.
        nms_topk: Number of boxes of each image, or of each class in R-CNN, that NMS looks at, the
            best first; −1 for all. In CenterNet, the number of detections.
        post_nms: Number of detections that are returned, the best first; −1 for all.
        nms: Whether there is NMS at all. Without it the outputs are all boxes with their classes
            and scores, in the network's order, and there are no other settings.
    """

    nms_thresh: float | None = None
    score_thresh: float | None = None
    nms_topk: int | None = None
    post_nms: int | None = None
    nms: bool = True

    def __post_init__(self) -> None:
        for name in ("nms_thresh", "score_thresh"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, Real) and 0 <= float(value) < 1):
                raise SettingError(f"{{{name}}}={value}: expected a number from 0 to below 1")
        if self.nms_thresh == 0:
            raise SettingError(
                "{nms_thresh}=0: GluonCV's networks would leave out NMS; give {no_nms} for that"
            )
        for name in COUNTS:
            value = getattr(self, name)
            if value is not None and not (
                isinstance(value, Integral)
                and not isinstance(value, bool)
                and (int(value) >= 1 or value == NO_LIMIT)
            ):
                raise SettingError(f"{{{name}}}={value}: expected 1 or more, or {NO_LIMIT} for all")
        if not self.nms and self.given():
            others = ", ".join(f"{{{name}}}" for name in self.given())
            raise SettingError(f"{{no_nms}} leaves out NMS: omit {others}")

    def note(self) -> str | None:
        """A sentence on the changed settings, for the record; None if there are none."""
        if not self.nms:
            return "the outputs are those before NMS, which the graph has in GluonCV"
        given = ", ".join(f"{name} = {value}" for name, value in self.given().items())
        return f"settings of detections that were changed in the graph: {given}" if given else None

    def given(self) -> dict[str, float]:
        """The settings that are not None, by name."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        del values["nms"]
        return {name: value for name, value in values.items() if value is not None}


def spellings() -> dict[str, str]:
    """How Python spells the names in the braces of a template."""
    return {**{each.name: each.name for each in fields(NmsSettings)}, "no_nms": "nms=False"}
