"""GluonCV's networks: their arrays, and their outputs as the reference for parity.

Beside exported.py the only file that imports MXNet or GluonCV.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..compat import import_mxnet, lent_names
from ..errors import ImageSizeError, KeyMapError
from ..keymap import Stage, select
from ..memory import return_memory

Arrays = dict[str, np.ndarray[Any, Any]]

# the last scale of each residual branch is multiplied by this in random networks; undamped, deep
# ones amplify rounding a million times, and no parity would prove anything
RESIDUAL_DAMPING = 0.25


def random_arrays(
    name: str,
    residual_end: str,
    *,
    seed: int,
    num_classes: int,
    in_chans: int = 3,
    imperative: bool = False,
) -> Arrays:
    """Random weights for every array of a GluonCV network, its BatchNorm statistics too.

    Args:
        name: GluonCV's.
        residual_end: the pattern of the parameters that end the residual branches; damped, so that
            the network is well conditioned.
        seed: equal seeds give equal arrays, on every machine.
        imperative: the network does not run as a graph.

    Returns:
        float32 arrays by structural name.

    Raises:
        MissingDependencyError: MXNet is not at hand.
    """
    net = _network(name, num_classes)
    shapes = _shapes(net, in_chans, imperative)
    rng = np.random.default_rng(seed)
    arrays = {key: _random_array(rng, key, shape) for key, shape in shapes.items()}
    for key in select(residual_end, arrays):
        arrays[key] *= np.float32(RESIDUAL_DAMPING)
    return arrays


def _random_array(
    rng: np.random.Generator, name: str, shape: tuple[int, ...]
) -> np.ndarray[Any, Any]:
    parameter = name.rpartition(".")[2]
    if parameter in ("gamma", "running_var"):
        return 0.5 + rng.random(shape, np.float32)
    values = rng.standard_normal(shape, np.float32)
    # not twice as much, as He's initialisation has for ReLU: ResNeSt-269 would grow to 10,000 and
    # its attention enlarge rounding a hundred times
    fan_in = int(np.prod(shape[1:])) if parameter == "weight" else 25  # 0.2 for biases and means
    values *= np.float32(1.0 / fan_in) ** np.float32(0.5)
    return values


class GluonReference:
    """A GluonCV network that gives the outputs of its stages.

    It runs as one hybridised graph: the network's own, with further outputs where forward hooks saw
    the stages' blocks while it was traced. A network that has no graph runs block by block.
    """

    name = "gluon"

    def __init__(
        self,
        name: str,
        arrays: Mapping[str, np.ndarray[Any, Any]],
        stages: Sequence[Stage],
        num_classes: int,
        *,
        imperative: bool = False,
        **options: Any,
    ) -> None:
        """Build the network and give it the arrays.

        Args:
            name: GluonCV's.
            arrays: every parameter by structural name.
            stages: what to give out, by Gluon's block path.
            num_classes: outputs of the classifier.
            imperative: the network does not run as a graph, nor in float64.
            options: passed on to GluonCV's `get_model` (`dilated=True`).

        Raises:
            KeyMapError: the arrays are not this network's.
            MissingDependencyError: MXNet is not at hand.
        """
        self._mxnet = import_mxnet()
        net = _network(name, num_classes, **options)
        _fill(net, arrays)
        self._paths = [stage.gluon for stage in stages]
        self.dtypes: Sequence[str] = ("float32",) if imperative else ("float64", "float32")
        self._block, self._is_graph = (net, False) if imperative else (self._graph(net), True)
        self._dtype = "float32"
        wide = {name: array for name, array in arrays.items() if array.dtype == np.float64}
        if wide and not imperative:  # float32 has rounded them: once more, as they are
            self.cast("float64")
            for name, array in wide.items():
                _parameters(net)[name].set_data(self._mxnet.nd.array(array, dtype="float64"))
        self._stages = [stage.name for stage in stages]

    def _graph(self, net: Any) -> Any:
        data = self._mxnet.sym.var("data")
        outputs = _observe(net, data, self._paths)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it cannot tell the input's dtype, and need not
            graph = self._mxnet.gluon.SymbolBlock(
                self._mxnet.sym.Group(outputs), data, net.collect_params()
            )
        graph.hybridize(static_alloc=True)
        return graph

    def cast(self, dtype: str) -> None:
        """Compute in `float32` or `float64` from here on."""
        if dtype == self._dtype:
            return
        self._dtype = dtype
        self._block.cast(dtype)
        self._mxnet.nd.waitall()  # it works in the background: now the old arrays are free
        return_memory()

    def __call__(self, images: np.ndarray[Any, Any]) -> Arrays:
        """Images (N, C, H, W) of the dtype cast to → each stage's output, by name.

        Raises:
            ImageSizeError: MXNet refuses images of that size.
        """
        data = self._mxnet.nd.array(images, dtype=images.dtype)
        try:
            outputs = (
                self._block(data) if self._is_graph else _observe(self._block, data, self._paths)
            )
            arrays = [output.asnumpy() for output in outputs]
        except self._mxnet.MXNetError as error:
            size = "x".join(map(str, images.shape[2:]))
            reason = str(error).splitlines()[0]
            raise ImageSizeError(
                f"GluonCV's network does not compute at {size} ({reason}); choose another `--size`"
            ) from error
        return dict(zip(self._stages, arrays, strict=True))

    def close(self) -> None:
        """Free the weights now: blocks refer to one another in circles, which Python frees late."""
        for parameter in self._block.collect_params().values():
            parameter._data = None
        if self._is_graph:
            self._block._clear_cached_op()
        return_memory()


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
        net = _network(name, num_classes)
        outputs = _observe(net, mxnet.sym.var("data"), [stage.gluon for stage in stages])
    structural = {parameter.name: key for key, parameter in _parameters(net).items()}
    return mxnet.sym.Group(outputs).tojson(), structural, net.prefix


def _network(name: str, classes: int, **options: Any) -> Any:
    import_mxnet()
    from gluoncv.model_zoo import get_model

    with lent_names():
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


def _parameters(net: Any) -> dict[str, Any]:
    parameters: dict[str, Any] = net._collect_params_with_prefix()  # what save_parameters uses
    return parameters


def _shapes(net: Any, in_chans: int, imperative: bool = False) -> dict[str, tuple[int, ...]]:
    mxnet = import_mxnet()
    images = mxnet.nd.zeros((1, in_chans, 224, 224))
    if imperative:
        net.initialize()
        net(images)
    else:
        net.infer_shape(images)
    return {name: tuple(parameter.shape) for name, parameter in _parameters(net).items()}


def _fill(net: Any, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    mxnet = import_mxnet()
    parameters = _parameters(net)
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


def _observe(net: Any, data: Any, paths: Sequence[str]) -> list[Any]:
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
