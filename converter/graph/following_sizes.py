"""Modules of segmentation networks whose resized feature maps follow the size of the images."""

from __future__ import annotations

from torch import fx

from .inputs.free_dimensions import image_input
from .inputs.input_spec import Specs
from .layers.resizing import BilinearResize


def follow_image_size(module: fx.GraphModule, specs: Specs) -> None:
    """Let fixed sizes of resized feature maps follow the images, as `for_inputs` changes a graph.

    A size of 1 / n of the images' side becomes that part of any images' side.

    Args:
        module: The module, which is changed; its graph is one for which `for_inputs` is right.
        specs: The inputs that its graph was made for.
    """
    name = image_input(specs)
    if name is None:
        return
    sides = specs[name].shape[-2:]
    inputs = [node for node in module.graph.nodes if node.op == "placeholder"]
    images = inputs[list(specs).index(name)]
    for node in module.graph.nodes:
        if node.op != "call_module":
            continue
        target = str(node.target)
        layer = module.get_submodule(target)
        if not isinstance(layer, BilinearResize) or layer.size is None or len(node.args) != 1:
            continue
        if any(side % size for side, size in zip(sides, layer.size, strict=True)):
            continue
        height, width = (side // size for side, size in zip(sides, layer.size, strict=True))
        following = BilinearResize(None, layer.scales, layer.align_corners, parts=(height, width))
        module.set_submodule(target, following)
        node.args = (*node.args, images)
    module.recompile()
