"""ROIAlign as ONNX's operator of that name, which needs less memory than torch's operations."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from ...graph.layers.region_samples import ROIAlign


class OnnxROIAlign(nn.Module):
    """What ROIAlign computes, for export to ONNX alone.

    Args:
        layer: The layer, whose bins have no channels of their own.
    """

    def __init__(self, layer: ROIAlign) -> None:
        super().__init__()
        self.size = layer.size
        centres = "half_pixel" if layer.aligned else "output_half_pixel"
        self.attributes: dict[str, Any] = {
            "coordinate_transformation_mode": centres,
            "mode": "avg",
            "output_height": layer.size[0],
            "output_width": layer.size[1],
            "sampling_ratio": max(layer.ratio, 0),
            "spatial_scale": layer.scale,
        }

    def forward(self, input: Tensor, regions: Tensor) -> Tensor:
        if regions.shape[1] == 4:
            regions = F.pad(regions, (1, 0))
        images = regions[:, 0].long()
        pooled = torch.onnx.ops.symbolic(
            "RoiAlign",
            (input, regions[:, 1:], images.clamp(0, input.shape[0] - 1)),
            self.attributes,
            dtype=input.dtype,
            shape=(regions.shape[0], input.shape[1], *self.size),
        )
        return torch.where((images >= 0)[:, None, None, None], pooled, 0.0)


def use_roi_align(module: fx.GraphModule) -> None:
    """Replace the layers ROIAlign that ONNX's operator computes, in a module of one's own."""
    for name, layer in list(module.named_modules()):
        if isinstance(layer, ROIAlign) and not layer.by_position:
            module.set_submodule(name, OnnxROIAlign(layer))
