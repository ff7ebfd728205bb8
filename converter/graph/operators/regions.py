"""Pooling of regions of feature maps. MXNet stores the scale as float32."""

from __future__ import annotations

from torch import fx

from ..construction.call import Call
from ..layers.region_channels import DeformablePSROIPooling, PSROIPooling
from ..layers.region_samples import ROIAlign, RotatedROIAlign
from ..layers.region_windows import ROIPooling

LARGEST = 1 << 10  # numbers of bins, groups, channels and samples beyond are mistakes


def _size(call: Call) -> tuple[int, ...]:
    size = call.attributes.integers("pooled_size")
    if len(size) != 2 or not all(0 < each <= LARGEST for each in size):
        raise call.attributes.unsupported("pooled_size")
    return size


def _count(call: Call, name: str, default: int | None = None) -> int:
    value = call.attributes.count(name, default)
    if value > LARGEST:
        raise call.attributes.unsupported(name)
    return value


def _ratio(call: Call, name: str) -> int:
    ratio = call.attributes.integer(name, -1)
    if ratio > LARGEST:
        raise call.attributes.unsupported(name)
    return ratio


def roi_align(call: Call) -> fx.Node:
    """Mean of bilinear samples in each bin."""
    attributes = call.attributes
    layer = ROIAlign(
        _size(call),
        attributes.single("spatial_scale"),
        _ratio(call, "sample_ratio"),
        attributes.flag("position_sensitive", False),
        attributes.flag("aligned", False),
    )
    return call.module(layer, call.value(0), call.value(1), rank=4)


def rotated_roi_align(call: Call) -> fx.Node:
    """ROIAlign of rotated regions."""
    scale, ratio = call.attributes.single("spatial_scale"), _ratio(call, "sampling_ratio")
    layer = RotatedROIAlign(_size(call), scale, ratio)
    return call.module(layer, call.value(0), call.value(1), rank=4)


def roi_pooling(call: Call) -> fx.Node:
    """Maximum in each bin."""
    layer = ROIPooling(_size(call), call.attributes.single("spatial_scale"))
    return call.module(layer, call.value(0), call.value(1), rank=4)


def psroi_pooling(call: Call) -> fx.Node:
    """Mean in each bin, from channels of its own; by default, as many groups as bins."""
    size = _count(call, "pooled_size")
    groups = _count(call, "group_size") if call.attributes.integer("group_size", 0) else size
    scale = call.attributes.single("spatial_scale")
    layer = PSROIPooling(scale, _count(call, "output_dim"), size, groups)
    return call.module(layer, call.value(0), call.value(1), rank=4)


def deformable_psroi_pooling(call: Call) -> fx.Node:
    """Mean of samples in shifted bins; by default, as many shifts as bins."""
    attributes = call.attributes
    size, fixed = _count(call, "pooled_size"), attributes.flag("no_trans", False)
    layer = DeformablePSROIPooling(
        attributes.single("spatial_scale"),
        channels=_count(call, "output_dim"),
        groups=_count(call, "group_size"),
        size=size,
        parts=_count(call, "part_size") if attributes.integer("part_size", 0) else size,
        samples=_count(call, "sample_per_part", 1),
        shift=attributes.single("trans_std", 0.0),
    )
    inputs = [call.value(index) for index in range(2 if fixed else 3)]
    return call.module(layer, *inputs, rank=4)


OPERATORS = {
    "_contrib_ROIAlign": roi_align,
    "_contrib_RROIAlign": rotated_roi_align,
    "ROIPooling": roi_pooling,
    "_contrib_PSROIPooling": psroi_pooling,
    "_contrib_DeformablePSROIPooling": deformable_psroi_pooling,
}
