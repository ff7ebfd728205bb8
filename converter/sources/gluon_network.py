"""GluonCV's networks on MXNet: built, filled with arrays, and observed block by block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import KeyMapError
from ..mappings.key_map import Stage
from .arrays import Array
from .mxnet_compat import import_mxnet, legacy_names


def stage_graph(
    name: str, stages: Sequence[Stage], num_classes: int
) -> tuple[str, dict[str, str], str]:
    """A network as a graph that gives the outputs of its stages.

    Returns:
        MXNet's JSON, its heads in the stages' order; the graph's names of the parameters → the
        structural ones; the network's own prefix.

    Raises:
        MissingDependencyError: MXNet is not at hand.
    """
    mxnet = import_mxnet()
    with mxnet.name.NameManager():  # counts layers anew, so that equal networks have equal names
        net = build_network(name, num_classes)
        outputs = observe_blocks(net, mxnet.sym.var("data"), [stage.gluon for stage in stages])
    structural = {parameter.name: key for key, parameter in parameters_of(net).items()}
    return mxnet.sym.Group(outputs).tojson(), structural, net.prefix


def build_network(name: str, classes: int, **options: Any) -> Any:
    import_mxnet()
    from gluoncv.model_zoo import get_model

    with legacy_names():
        net = get_model(name, pretrained=False, classes=classes, **options)
    net.apply(_resize_classifier)
    # without gradient buffers a network takes half the memory; nothing is trained here
    net.collect_params().setattr("grad_req", "null")
    return net


def _resize_classifier(block: Any) -> None:
    """GluonCV's pruned networks keep the published classifier's shape, whatever the class count."""
    units: int | None = getattr(block, "_units", None)
    if units is not None and block.weight.shape[0] != units:
        weight = block.weight
        weight._shape = (units, *weight.shape[1:])
        block.bias._shape = (units,)


def parameters_of(net: Any) -> dict[str, Any]:
    parameters: dict[str, Any] = net._collect_params_with_prefix()  # what save_parameters uses
    return parameters


def parameter_shapes(
    net: Any, in_chans: int, imperative: bool = False
) -> dict[str, tuple[int, ...]]:
    mxnet = import_mxnet()
    images = mxnet.nd.zeros((1, in_chans, 224, 224))
    if imperative:
        net.initialize()
        net(images)
    else:
        net.infer_shape(images)
    return {name: tuple(parameter.shape) for name, parameter in parameters_of(net).items()}


def fill_network(net: Any, arrays: Mapping[str, Array]) -> None:
    mxnet = import_mxnet()
    parameters = parameters_of(net)
    problems = [
        f"{name}: GluonCV's network does not have it" for name in arrays.keys() - parameters
    ]
    problems += [f"{name}: GluonCV's network needs it" for name in parameters.keys() - arrays]
    problems += [
        f"{name}: has shape {arrays[name].shape}, GluonCV's network takes {parameter.shape}"
        for name, parameter in parameters.items()
        if name in arrays and not _fits(arrays[name].shape, parameter.shape)
    ]
    if problems:
        raise KeyMapError("the arrays are not those of GluonCV's network:", sorted(problems))
    for name, parameter in parameters.items():
        parameter.shape = arrays[name].shape
        parameter.initialize(mxnet.init.Zero())
        parameter.set_data(mxnet.nd.array(arrays[name], dtype="float32"))


def _fits(shape: tuple[int, ...], declared: tuple[int, ...] | None) -> bool:
    """Gluon declares 0 for a size that it learns from its input; pruned networks, nothing."""
    return declared is None or (
        len(shape) == len(declared)
        and all(size in (0, own) for own, size in zip(shape, declared, strict=True))
    )


def observe_blocks(net: Any, data: Any, paths: Sequence[str]) -> list[Any]:
    """What the blocks at `paths` give, from one pass through the network: symbols or arrays."""
    seen: dict[str, Any] = {}
    hooks = []
    for path in paths:
        block = net
        for step in path.split("."):
            block = block._children[step]

        def remember(_block: Any, _inputs: Any, output: Any, path: str = path) -> None:
            seen[path] = output

        hooks.append(block.register_forward_hook(remember))
    net(data)
    for hook in hooks:
        hook.detach()
    return [seen[path] for path in paths]
