"""Build the networks of GluonCV's model list on MXNet, and trace them as graphs."""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import Any

from .arrays import Arrays
from .gluon_network import parameters_of
from .mxnet_compat import import_mxnet, legacy_names


@dataclass(frozen=True)
class TracedNetwork:
    """A network as MXNet traces it.

    Attributes:
        symbol: MXNet's JSON.
        structural: Names of its arrays in the graph → Gluon's structural names.
        prefix: The network's prefix of node names.
        shapes: Shape of each array of the graph, by structural name.
        constants: Arrays that are not trained, such as anchor boxes, by structural name.
    """

    symbol: str
    structural: dict[str, str]
    prefix: str
    shapes: dict[str, tuple[int, ...]]
    constants: Arrays


def trace(
    name: str,
    options: Mapping[str, Any],
    inputs: Mapping[str, tuple[int, ...]],
    change: Callable[[Any], None] | None = None,
) -> TracedNetwork:
    """Build a network without weights and trace it.

    Args:
        name: GluonCV's name.
        options: Further arguments of GluonCV's `get_model`.
        inputs: Shape of each input, in the order of the network's arguments.
        change: Called with the network before it is traced, for other settings than GluonCV's.

    Raises:
        MissingDependencyError: If MXNet is not installed.
    """
    mxnet = import_mxnet()
    from gluoncv.model_zoo import get_model

    # a new NameManager restarts the layer counters: equal networks get equal names
    with mxnet.name.NameManager(), legacy_names(), _without_weights(mxnet), _quiet():
        net = get_model(name, pretrained=False, **options)
        if change is not None:
            change(net)
        heads = mxnet.sym.Group(_flat(net(*map(mxnet.sym.var, inputs)), mxnet.sym.Symbol))
    own = {parameter.name: parameter for parameter in net.collect_params().values()}
    known = {key: one.shape for key, one in own.items() if one.shape and all(one.shape)}
    names = heads.list_inputs()
    arguments, _, states = heads.infer_shape(
        **inputs, **{key: shape for key, shape in known.items() if key in names}
    )
    shapes = dict(zip(heads.list_arguments(), arguments, strict=True))
    shapes |= dict(zip(heads.list_auxiliary_states(), states, strict=True))
    structural = {parameter.name: key for key, parameter in parameters_of(net).items()}
    constants = {
        structural[key]: own[key].value.asnumpy()
        for key in names
        if isinstance(own.get(key), mxnet.gluon.Constant)
    }
    return TracedNetwork(
        heads.tojson(),
        structural,
        net.prefix,
        {structural[key]: tuple(shapes[key]) for key in names if key not in inputs},
        constants,
    )


def zoo_block(name: str, options: Mapping[str, Any]) -> Any:
    """Build one of GluonCV's networks, whose parameters are not initialized.

    Args:
        name: GluonCV's name.
        options: Further arguments of GluonCV's `get_model`.

    Raises:
        MissingDependencyError: If MXNet is not installed.
    """
    mxnet = import_mxnet()
    from gluoncv.model_zoo import get_model

    with legacy_names(), _without_weights(mxnet), _quiet():
        return get_model(name, pretrained=False, **options)


@contextmanager
def _without_weights(mxnet: Any) -> Iterator[None]:
    """Keep GluonCV's constructors from downloading weights, which some do even if not asked to.

    Some also move parameters to a device before they are initialized.
    """
    parameter = mxnet.gluon.Parameter
    move = parameter.reset_ctx

    def reset_ctx(self: Any, context: Any) -> None:
        if self._data is not None or self._deferred_init:
            move(self, context)

    places = [module for name, module in sys.modules.items() if name.startswith("gluoncv.")]
    with ExitStack() as stack:
        stack.enter_context(_replaced(parameter, "reset_ctx", reset_ctx))
        stack.enter_context(_replaced(mxnet.gluon.Block, "load_parameters", _nothing))
        for module in places:
            if hasattr(module, "get_model_file"):
                stack.enter_context(_replaced(module, "get_model_file", _nothing))
        yield


@contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    original = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, original)


@contextmanager
def _quiet() -> Iterator[None]:
    """Ignore warnings about inputs of unknown data type, and what GluonCV prints (PSPNet)."""
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def _nothing(*_: Any, **__: Any) -> None:
    pass


def _flat(outputs: Any, symbol: type[Any]) -> list[Any]:
    """All symbols of nested tuples and lists, in order."""
    if isinstance(outputs, symbol):
        return [outputs]
    return [each for part in outputs for each in _flat(part, symbol)]
