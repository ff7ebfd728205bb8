"""Build GluonCV networks on MXNet, set their parameters and capture the outputs of blocks."""

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
    """Trace a network as a graph whose outputs are those of its stages.

    Returns:
        MXNet's JSON, with the heads in the order of `stages`; a mapping from the graph's parameter
        names to the structural ones; the network's name prefix.

    Raises:
        MissingDependencyError: If MXNet is not installed.
    """
    mxnet = import_mxnet()
    with mxnet.name.NameManager():  # restarts the layer counters: equal networks get equal names
        net = build_network(name, num_classes)
        outputs = observe_blocks(net, mxnet.sym.var("data"), [stage.gluon for stage in stages])
    structural = {parameter.name: key for key, parameter in parameters_of(net).items()}
    return mxnet.sym.Group(outputs).tojson(), structural, net.prefix


def build_network(name: str, classes: int, *, trainable: bool = False, **options: Any) -> Any:
    """Build a GluonCV network without weights.

    Args:
        name: GluonCV's name of the network.
        trainable: Whether gradients can be computed; without their buffers a network takes half
            the memory.
        options: Further arguments of GluonCV's `get_model`.
    """
    import_mxnet()
    from gluoncv.model_zoo import get_model

    with legacy_names():
        net = get_model(name, pretrained=False, classes=classes, **options)
    net.apply(_resize_classifier)
    if not trainable:
        net.collect_params().setattr("grad_req", "null")
    return net


def _resize_classifier(block: Any) -> None:
    """Give a pruned network's classifier the requested number of classes.

    GluonCV's pruned networks keep the published classifier's shape, whatever the class count.
    """
    units: int | None = getattr(block, "_units", None)
    if units is not None and block.weight.shape[0] != units:
        weight = block.weight
        weight._shape = (units, *weight.shape[1:])
        block.bias._shape = (units,)


def parameters_of(net: Any) -> dict[str, Any]:
    """A Gluon network's parameters by structural name, as `save_parameters` collects them."""
    parameters: dict[str, Any] = net._collect_params_with_prefix()
    return parameters


def fill_network(net: Any, arrays: Mapping[str, Array]) -> None:
    """Set all parameters of a Gluon network, in float32.

    Args:
        arrays: The values by structural name.

    Raises:
        KeyMapError: If names or shapes do not match the network; lists all problems.
    """
    mxnet = import_mxnet()
    parameters = parameters_of(net)
    problems = [
        f"{name}: GluonCV's network has no such parameter" for name in arrays.keys() - parameters
    ]
    problems += [
        f"{name}: missing; GluonCV's network needs it" for name in parameters.keys() - arrays
    ]
    problems += [
        f"{name}: has shape {arrays[name].shape}; GluonCV's network expects {parameter.shape}"
        for name, parameter in parameters.items()
        if name in arrays and not _fits(arrays[name].shape, parameter.shape)
    ]
    if problems:
        raise KeyMapError("the arrays do not match GluonCV's network:", sorted(problems))
    for name, parameter in parameters.items():
        parameter.shape = arrays[name].shape
        parameter.initialize(mxnet.init.Zero())
        parameter.set_data(mxnet.nd.array(arrays[name], dtype="float32"))


def _fits(shape: tuple[int, ...], declared: tuple[int, ...] | None) -> bool:
    """Whether a shape matches a declared one.

    Gluon declares 0 for a size that it infers from the input; pruned networks declare no shape.
    """
    return declared is None or (
        len(shape) == len(declared)
        and all(size in (0, own) for own, size in zip(shape, declared, strict=True))
    )


def observe_blocks(net: Any, data: Any, paths: Sequence[str]) -> list[Any]:
    """Outputs of the blocks at `paths`, from one forward pass.

    Args:
        data: The network's input: a symbol or an array, as the outputs will be.
        paths: Names of children, joined by dots.
    """
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
