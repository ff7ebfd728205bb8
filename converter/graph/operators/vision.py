"""Sampling, correlation, deformable convolution, and images."""

from __future__ import annotations

import torch
from torch import fx

from ..construction.call import Call
from ..layers.deformable_convolution import DeformableConvolution
from ..layers.image_transforms import ImageResize, Normalize, ToTensor
from ..layers.sampling import AffineGrid, BilinearSampler, Correlation, SpatialTransformer, WarpGrid
from .weighted_layers import convolution_options

LARGEST = 1 << 16
INTERPOLATIONS = {"0": "nearest", "1": "linear", "2": "cubic"}  # OpenCV's numbers


def bilinear_sampler(call: Call) -> fx.Node:
    """Bilinear samples at a grid."""
    call.attributes.flag("cudnn_off", False)
    return call.module(BilinearSampler(), call.value(0), call.value(1), rank=4)


def _grid_size(call: Call) -> tuple[int, ...]:
    size = call.attributes.integers("target_shape", (0, 0))
    # one row or column has no distance to the next: MXNet's coordinates are not numbers
    if len(size) != 2 or not all(1 < each < LARGEST for each in size):
        raise call.attributes.unsupported("target_shape")
    return size


def grid_generator(call: Call) -> fx.Node:
    """The grid of an affine transform or of an optical flow."""
    if call.attributes.choice("transform_type", None, ["affine", "warp"]) == "warp":
        return call.module(WarpGrid(), call.value(0), rank=4)
    return call.module(AffineGrid(_grid_size(call)), call.value(0), rank=4)


def spatial_transformer(call: Call) -> fx.Node:
    """Bilinear samples at the grid of an affine transform."""
    attributes = call.attributes
    attributes.choice("transform_type", None, ["affine"])
    attributes.choice("sampler_type", None, ["bilinear"])
    attributes.flag("cudnn_off", False)
    layer = SpatialTransformer(_grid_size(call))
    return call.module(layer, call.value(0), call.value(1), rank=4)


def correlation(call: Call) -> fx.Node:
    """Correlation of patches at displacements; patches have an odd side."""
    attributes = call.attributes
    sizes = {name: attributes.count(name, 1) for name in ("kernel_size", "stride1", "stride2")}
    sizes["max_displacement"] = attributes.integer("max_displacement", 1)
    sizes["pad_size"] = attributes.integer("pad_size", 0)
    for name, size in sizes.items():
        if not 0 <= size < LARGEST:
            raise attributes.unsupported(name)
    if sizes["kernel_size"] % 2 == 0:
        raise attributes.unsupported("kernel_size")
    layer = Correlation(
        kernel=sizes["kernel_size"],
        reach=sizes["max_displacement"],
        stride=sizes["stride1"],
        step=sizes["stride2"],
        padding=sizes["pad_size"],
        multiply=attributes.flag("is_multiply", True),
    )
    return call.module(layer, call.value(0), call.value(1), rank=4)


def deformable_convolution(call: Call) -> fx.Node:
    """Deformable convolution: data, offsets, weights and bias."""
    return _deformable(call, 2)


def modulated_deformable_convolution(call: Call) -> fx.Node:
    """Modulated deformable convolution: data, offsets, a mask, weights and bias."""
    call.attributes.count("im2col_step", 64)  # how many images are computed at once
    return _deformable(call, 3)


def _deformable(call: Call, first: int) -> fx.Node:
    attributes, weight = call.attributes, call.array(first)
    options = convolution_options(call)
    kernel, groups = options["kernel_size"], options["groups"]
    if len(kernel) != 2:
        raise attributes.unsupported("kernel")
    attributes.choice("layout", "NCHW", ["NCHW"])
    filters = attributes.count("num_filter")
    offset_groups = attributes.count("num_deformable_group", 1)
    if weight.dim() != 4 or (weight.shape[0], *weight.shape[2:]) != (filters, *kernel):
        shape = tuple(weight.shape)
        raise call.error(f"weight has shape {shape}, expected ({filters}, …, {kernel})")
    channels = weight.shape[1] * groups
    if filters % groups or not channels or channels % offset_groups:
        raise call.error(
            f"{filters} filters and {channels} channels are not divisible into {groups} and "
            f"{offset_groups} groups"
        )
    bias = not attributes.flag("no_bias", False)
    with torch.device("meta"):
        layer = DeformableConvolution(
            channels,
            filters,
            kernel,
            options["stride"],
            options["padding"],
            options["dilation"],
            groups,
            offset_groups,
            bias,
        )
    call.fill(layer, weight=first, **({"bias": first + 1} if bias else {}))
    return call.module(layer, *(call.value(index) for index in range(first)), rank=4)


def to_tensor(call: Call) -> fx.Node:
    """Images from 0 to 255 as maps from 0 to 1."""
    return call.module(ToTensor(), call.value(0))


def normalize(call: Call) -> fx.Node:
    """Subtraction of means, then division by standard deviations; for 1 or 3 channels."""
    mean = call.attributes.singles("mean", (0.0,))
    std = call.attributes.singles("std", (1.0,))
    for name, values in (("mean", mean), ("std", std)):
        if len(values) not in (1, 3):
            raise call.attributes.unsupported(name)
    if 0 in std:
        raise call.attributes.unsupported("std")
    return call.module(Normalize(mean, std), call.value(0))


def resize(call: Call) -> fx.Node:
    """Resizing of images to (width, height), or of both sides or the shorter to one size."""
    attributes = call.attributes
    size = attributes.integers("size", ())
    if len(size) not in (1, 2) or not all(0 < each < LARGEST for each in size):
        raise attributes.unsupported("size")
    kind = INTERPOLATIONS[attributes.choice("interp", "1", list(INTERPOLATIONS))]
    return call.module(ImageResize(size, attributes.flag("keep_ratio", False), kind), call.value(0))


def crop(call: Call) -> fx.Node:
    """A window of images, from x and y."""
    attributes, value = call.attributes, call.value(0)
    for axis, first, size in ((-3, "y", "height"), (-2, "x", "width")):
        start, count = attributes.integer(first), attributes.count(size)
        if start < 0:
            raise attributes.unsupported(first)
        value = call.function(torch.narrow, value, axis, start, count)
    return value


OPERATORS = {
    "BilinearSampler": bilinear_sampler,
    "GridGenerator": grid_generator,
    "SpatialTransformer": spatial_transformer,
    "Correlation": correlation,
    "_contrib_DeformableConvolution": deformable_convolution,
    "_contrib_ModulatedDeformableConvolution": modulated_deformable_convolution,
    "_image_to_tensor": to_tensor,
    "_image_normalize": normalize,
    "_image_resize": resize,
    "_image_crop": crop,
}
