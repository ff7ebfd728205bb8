"""Objects in images, found by a detector."""

from __future__ import annotations

from ..detected_objects import DetectedObject, detected_objects
from ..images.image_file import read_image
from ..images.linear_resize import Image
from ..images.task_input import prepare_image
from ..pictures.object_boxes import draw_objects
from .task_network import TaskNetwork
from .task_options import TaskOptions
from .task_result import TaskResult


class Detector:
    """A network that returns classes, scores and boxes, and masks in boxes.

    Args:
        network: The network.
        options: The lowest score of an object.
    """

    def __init__(self, network: TaskNetwork, options: TaskOptions) -> None:
        self._network, self._threshold = network, options.threshold

    def __call__(self, path: str) -> TaskResult:
        """Find the objects in an image file.

        Raises:
            ImageError: The file cannot be read, or the network does not run on its size.
        """
        image = read_image(path)
        objects = self.objects(image, path)
        height, width = image.shape[:2]
        facts = {"width": width, "height": height, "objects": [each.as_dict() for each in objects]}
        lines = [
            f"{each.score:6.1%}  {each.label}  " + " ".join(f"{side:.0f}" for side in each.box)
            for each in objects
        ]
        pictures = {"objects": lambda: draw_objects(image, objects)}
        return TaskResult(path, facts, tuple(lines), pictures)

    def objects(self, image: Image, path: str) -> list[DetectedObject]:
        """Find the objects in an image (H, W, 3); the path is for errors."""
        prepared = prepare_image(image, self._network.preprocessing)
        ids, scores, boxes, *masks = self._network(prepared.pixels, path)
        return detected_objects(
            ids[0],
            scores[0],
            prepared.placement.boxes_to_image(boxes[0]),
            self._network.names,
            self._threshold,
            (image.shape[0], image.shape[1]),
            masks[0][0] if masks else None,
        )
