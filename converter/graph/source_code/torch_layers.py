"""Layers of torch.nn as constructors with their arguments."""

from __future__ import annotations

import inspect
from typing import Any

from torch import Tensor, nn

from ...errors import GraphError
from .operations import REQUIRED, Operation, Slot

# calls that do the same as a layer without arrays
CALLS = {
    "nn.ReLU": "F.relu({0})",
    "nn.ReLU6": "F.relu6({0})",
    "nn.Sigmoid": "torch.sigmoid({0})",
    "nn.Tanh": "torch.tanh({0})",
    "nn.LeakyReLU": "F.leaky_relu({0}, {negative_slope})",
    "nn.Hardtanh": "{0}.clamp({min_val}, {max_val})",
    "nn.Flatten": "{0}.flatten({start_dim})",
    "nn.Softmax": "{0}.softmax({dim})",
    "nn.LogSoftmax": "{0}.log_softmax({dim})",
}
# arguments that are written without their names
POSITIONAL = frozenset(
    {"in_channels", "out_channels", "kernel_size", "in_features", "out_features", "num_features"}
    | {"num_embeddings", "embedding_dim"}
    | {"output_size", "num_parameters", "p", "dim", "start_dim", "negative_slope"}
)
_OLD_NAMES = "min_value", "max_value"  # of nn.Hardtanh's arguments, which are no attributes
_MXNET_MOMENTUM = 1e-7  # MXNet computes 1 - 0.9 in float32


def layer(module: nn.Module, name: str, keys: dict[str, str], text: str | None = None) -> Operation:
    """A module as an operation, whose arguments are those of its constructor.

    Args:
        module: The module, whose attributes have the names of the constructor's parameters.
        name: Its name in the graph.
        keys: Names of its arrays → their keys.
        text: The constructor's name, for a module that is not one of torch.nn.

    Raises:
        GraphError: If an argument is not an attribute of the module.
    """
    form = text or f"nn.{type(module).__name__}"
    slots = [
        Slot(each.name, _value(module, each.name, name), _default(each), keyword)
        for each, keyword in _parameters(type(module))
    ]
    fixed = tuple(key for key, each in module.named_parameters() if not each.requires_grad)
    return Operation(form, name, slots, keys, CALLS.get(form), fixed=fixed)


def _parameters(kind: type) -> list[tuple[inspect.Parameter, bool]]:
    """The parameters of a constructor, and whether each is only written with its name."""
    # recurrent layers take any arguments, and pass them to their base
    made = nn.RNNBase if issubclass(kind, nn.RNNBase) else kind
    parameters = [
        each
        for each in inspect.signature(made).parameters.values()
        if each.name != "mode" or made is not nn.RNNBase
    ]
    if kind is nn.RNN:
        keyword = inspect.Parameter.KEYWORD_ONLY
        parameters.insert(3, inspect.Parameter("nonlinearity", keyword, default="tanh"))
    return [
        (each, each.name not in POSITIONAL)
        for each in parameters
        if each.name not in ("device", "dtype", *_OLD_NAMES)
        and not each.name.startswith("_")  # nn.Embedding's ready-made table
        and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]


def _default(parameter: inspect.Parameter) -> Any:
    return REQUIRED if parameter.default is parameter.empty else parameter.default


def _value(module: nn.Module, parameter: str, name: str) -> Any:
    if parameter == "bias" and not isinstance(getattr(module, "bias", None), bool):
        return module.bias is not None
    try:
        value = getattr(module, parameter)
    except AttributeError as error:
        raise _refusal(module, name, "tensors") from error
    if isinstance(value, (Tensor, nn.Module)):
        raise _refusal(module, name, "tensors" if isinstance(value, Tensor) else "layers")
    if parameter == "momentum" and value is not None and abs(value - 0.1) < _MXNET_MOMENTUM:
        return 0.1
    if parameter == "stride" and value == getattr(module, "kernel_size", None) and _pools(module):
        return None
    return _scalar(value) if type(module).__module__.startswith("torch.") else value


def _refusal(module: nn.Module, name: str, kind: str) -> GraphError:
    """The error for a layer that cannot be constructed from numbers alone, but from `kind`."""
    is_int8 = ".quant" in type(module).__module__
    reason = (
        "an int8 layer, whose scales are computed from the graph's ranges; convert the float "
        "network with `--dequantize`"
        if is_int8
        else f"whose arguments are {kind}; choose another `--format`"
    )
    return GraphError(f"{name}: source cannot be written for {type(module).__name__}, {reason}")


def _pools(module: nn.Module) -> bool:
    pools = nn.modules.pooling
    return isinstance(module, (pools._MaxPoolNd, pools._AvgPoolNd))


def _scalar(value: Any) -> Any:
    """One number for equal sizes of all dimensions."""
    if isinstance(value, tuple) and value and all(each == value[0] for each in value):
        return value[0]
    return value
