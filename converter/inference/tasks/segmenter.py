"""The class of each pixel of an image, found by a segmentation network."""

from __future__ import annotations

import numpy as np
import torch

from ...mappings.palettes import Palette, load_palette
from ...sources.arrays import Array
from ..images.image_file import read_image
from ..images.linear_resize import Image
from ..images.task_input import prepare_image
from ..pictures.segments import overlay, palette_image
from .task_network import TaskNetwork
from .task_options import TaskOptions
from .task_result import TaskResult

DEFAULT_PALETTE = "voc"  # for networks of unknown classes


class Segmenter:
    """A network whose first output is the logits of each pixel."""

    def __init__(self, network: TaskNetwork, _options: TaskOptions) -> None:
        self._network = network
        self._palette: Palette = load_palette(_palette_name(network))

    def __call__(self, path: str) -> TaskResult:
        """Find the class of each pixel of an image file.

        Raises:
            ImageError: The file cannot be read, or the network does not run on its size.
        """
        image = read_image(path)
        classes = self.classes(image, path)
        names, palette = self._network.names, self._palette
        found, counts = np.unique(classes, return_counts=True)
        segments = [
            {
                "label": names[index] if index < len(names) else str(index),
                "index": int(index),
                "share": float(count / classes.size),
            }
            for index, count in sorted(
                zip(found.tolist(), counts.tolist(), strict=True), key=lambda pair: -pair[1]
            )
        ]
        lines = tuple(f"{each['share']:6.1%}  {each['label']}" for each in segments)
        pictures = {
            "classes": lambda: palette_image(classes, palette),
            "segments": lambda: overlay(image, classes, palette, names),
        }
        height, width = image.shape[:2]
        facts = {"width": width, "height": height, "segments": segments}
        return TaskResult(path, facts, lines, pictures)

    def classes(self, image: Image, path: str) -> Array:
        """The class of each pixel (H, W) of an image (H, W, 3); the path is for errors."""
        network = self._network
        prepared = prepare_image(image, network.preprocessing, network.multiple or 1)
        logits = torch.from_numpy(network(prepared.pixels, path)[0])
        found: Array = prepared.placement.logits_to_image(logits)[0].argmax(0).numpy()
        return found


def _palette_name(network: TaskNetwork) -> str:
    classes = network.entry.classes
    return classes if isinstance(classes, str) else DEFAULT_PALETTE
