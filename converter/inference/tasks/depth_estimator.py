"""Depth of an image's pixels, found by a network of monodepth2."""

from __future__ import annotations

import numpy as np
import torch

from ..images.image_file import read_image
from ..images.task_input import prepare_image
from ..pictures.depth_map import depth_picture
from .task_network import TaskNetwork
from .task_options import TaskOptions
from .task_result import TaskResult


class DepthEstimator:
    """A network that returns disparities at several sizes, of which the largest is used."""

    def __init__(self, network: TaskNetwork, _options: TaskOptions) -> None:
        self._network = network

    def __call__(self, path: str) -> TaskResult:
        """Find the disparity (inverse depth, 0 … 1) of each pixel of an image file.

        Raises:
            ImageError: The file cannot be read, or the network does not run on its size.
        """
        image = read_image(path)
        prepared = prepare_image(image, self._network.preprocessing)
        largest = max(self._network(prepared.pixels, path), key=np.size)
        disparity = prepared.placement.logits_to_image(torch.from_numpy(largest))[0, 0].numpy()
        low, middle, high = (float(np.quantile(disparity, share)) for share in (0, 0.5, 1))
        height, width = image.shape[:2]
        facts = {
            "width": width,
            "height": height,
            "disparity": {"min": low, "median": middle, "max": high},
        }
        lines = (f"disparity {low:.3f} … {high:.3f}, median {middle:.3f}",)
        return TaskResult(path, facts, lines, {"depth": lambda: depth_picture(disparity)})
