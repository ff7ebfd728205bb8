"""Networks that MXNet exported, imported and held against MXNet."""

from __future__ import annotations

import copy
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import fx, nn

from gluon2torch import import_graph
from gluon2torch.errors import GraphError
from gluon2torch.graph.importer import read_arrays
from gluon2torch.graph.symbols.precision import EXACT, ROUNDED, limits
from gluon2torch.graph.symbols.symbol import read_symbol
from gluon2torch.parity.exported_reference import ExportedReference

from .exported import export, export_net, export_symbol, input_size, zoo

ZOO_COUNT = 125
# small networks that have all 28 operators of the zoo between them, at small sizes where they can
FEW = {
    "cifar_resnet20_v1": (33, 25),
    "cifar_residualattentionnet56": (32, 32),
    "darknet53": (64, 64),
    "hrnet_w18_small_v1_c": (64, 64),
    "mobilenetv2_0.25": (65, 33),
    "mobilenetv3_small": (65, 33),
    "nasnet_4_1056": (224, 224),
    "resnest14": (65, 33),
    "squeezenet1.1": (224, 224),
}
OPERATORS_OF_THE_ZOO = 28


def images(size: tuple[int, ...], dtype: str = "float64") -> np.ndarray:
    return np.random.default_rng(1).standard_normal(size).astype(dtype)


def outputs(module: nn.Module, data: np.ndarray) -> list[np.ndarray]:
    with torch.inference_mode():
        result = module(torch.from_numpy(data))
    return [each.numpy() for each in (result if isinstance(result, tuple) else (result,))]


def require_equal(symbol: Path, params: Path, shape: tuple[int, ...]) -> dict[str, float]:
    """By dtype, the largest difference from MXNet over the largest output; checks the limits."""
    found = {}
    module, allowed = import_graph(symbol, params), limits(read_symbol(symbol))
    reference = ExportedReference(symbol, read_arrays(params))
    for dtype, limit in allowed.items():
        data = images(shape, dtype)
        reference.cast(dtype)
        expected = list(reference({"data": data}).values())
        actual = outputs(module.to(getattr(torch, dtype)), data)
        assert [each.shape for each in actual] == [each.shape for each in expected]
        found[dtype] = max(
            float(np.abs(one - other).max() / np.abs(other).max())
            for one, other in zip(actual, expected, strict=True)
        )
        assert found[dtype] <= limit, (dtype, found)
    return found


@pytest.mark.mxnet
@pytest.mark.parametrize("name", FEW)
def test_a_few_networks_with_every_operator(name: str, tmp_path: Path) -> None:
    symbol, params = export(name, tmp_path, FEW[name])
    found = require_equal(symbol, params, (2, 3, *FEW[name]))
    assert set(found) == {"float64", "float32"}


@pytest.mark.mxnet
def test_the_few_have_every_operator_of_the_zoo(tmp_path: Path) -> None:
    operators = set()
    for name in FEW:
        symbol, _ = export(name, tmp_path, FEW[name])
        operators |= {node.op for node in read_symbol(symbol).nodes}
    assert len(operators - {"null"}) == OPERATORS_OF_THE_ZOO


@pytest.mark.mxnet
@pytest.mark.slow
def test_the_zoo(tmp_path: Path) -> None:
    names, operators, worst = zoo(), set(), {EXACT: 0.0, ROUNDED: 0.0}
    assert len(names) == ZOO_COUNT
    for name in names:
        symbol, params = export(name, tmp_path, input_size(name))
        graph = read_symbol(symbol)
        operators |= {node.op for node in graph.nodes}
        found = require_equal(symbol, params, (1, 3, *input_size(name)))
        limit = limits(graph)["float64"]
        worst[limit] = max(worst[limit], found["float64"])
        print(f"{name}: float64 {found['float64']:.1e}, float32 {found['float32']:.1e}")
        symbol.unlink()
        params.unlink()
    print(f"largest in float64, by limit: {worst}")
    assert len(operators - {"null"}) == OPERATORS_OF_THE_ZOO


@pytest.mark.mxnet
@pytest.mark.filterwarnings("ignore:Cannot decide")
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("mobilefacenet-0000", (2, 3, 112, 112)),
        ("cifar_resnet20_v1-0000", (2, 3, 32, 32)),
        ("cifar_resnet56_v2-0000", (2, 3, 32, 32)),
        ("mlp_v1-0000", (2, 1, 28, 28)),
        ("fc_v2-0000", (2, 2)),
        ("mnist_v0-0010", (2, 784)),
    ],
)
def test_real_networks(name: str, shape: tuple[int, ...], data: Path) -> None:
    symbol = data / "params" / f"{name.rpartition('-')[0]}-symbol.json"
    require_equal(symbol, data / "params" / f"{name}.params", shape)


def segmentation(name: str) -> Any:
    """A segmentation network without the download of its backbone."""
    from gluon2torch.sources.mxnet_compat import import_mxnet, legacy_names

    import_mxnet()
    from gluoncv.model_zoo import deeplabv3, fcn, pspnet

    makers = {"fcn": fcn.get_fcn, "psp": pspnet.get_psp, "deeplab": deeplabv3.get_deeplab}
    kind, backbone, dataset = name.split("_")
    options = {"pretrained": False, "pretrained_base": False}
    with legacy_names():
        return makers[kind](dataset=dataset_name(dataset), backbone=backbone, **options)


def dataset_name(short: str) -> str:
    return {"ade": "ade20k", "voc": "pascal_voc"}[short]


@pytest.mark.mxnet
@pytest.mark.slow
@pytest.mark.parametrize("name", ["fcn_resnet50_ade", "psp_resnet50_ade", "deeplab_resnet50_ade"])
def test_segmentation(name: str, tmp_path: Path) -> None:
    symbol, params = export_net(segmentation(name), tmp_path / name, (480, 480))
    require_equal(symbol, params, (1, 3, 480, 480))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return export("cifar_resnet20_v1", tmp_path_factory.mktemp("net"), (32, 32))


@pytest.fixture
def module(exported: tuple[Path, Path]) -> fx.GraphModule:
    return import_graph(*exported)


@pytest.mark.mxnet
def test_the_module_is_of_torchs_layers_with_readable_names(module: fx.GraphModule) -> None:
    assert isinstance(module, fx.GraphModule)
    assert not module.training
    kinds = {type(child) for child in module.children()}
    assert kinds == {nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.AdaptiveAvgPool2d, nn.Linear}
    assert list(module.state_dict())[:3] == ["conv0.weight", "batchnorm0.weight", "batchnorm0.bias"]
    assert "(stage2_conv0): Conv2d(16, 32, kernel_size=(3, 3), stride=(2, 2)" in str(module)
    assert "stage1_batchnorm1 = self.stage1_batchnorm1(stage1_conv1)" in module.code
    assert module.conv0.weight.dtype == torch.float32


@pytest.mark.mxnet
def test_names_do_not_depend_on_what_the_process_made_before(
    exported: tuple[Path, Path], tmp_path: Path
) -> None:
    again = import_graph(*export("cifar_resnet20_v1", tmp_path, (32, 32)))
    assert list(again.state_dict()) == list(import_graph(*exported).state_dict())


@pytest.mark.mxnet
def test_the_module_is_copied_and_saved(module: fx.GraphModule, tmp_path: Path) -> None:
    data = images((2, 3, 32, 32), "float32")
    (expected,) = outputs(module, data)
    twin = copy.deepcopy(module)
    torch.save(module, tmp_path / "whole.pt")
    torch.save(module.state_dict(), tmp_path / "state.pt")
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    for other in (twin, torch.load(tmp_path / "whole.pt", weights_only=False)):
        assert np.array_equal(outputs(other, data)[0], expected)
    module.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert np.array_equal(outputs(module, data)[0], expected)


@pytest.mark.mxnet
def test_in_training_mode_it_computes_as_mxnet_does(
    exported: tuple[Path, Path], module: fx.GraphModule
) -> None:
    from gluon2torch.sources.mxnet_compat import import_mxnet

    mx = import_mxnet()
    symbol, params = exported
    arrays, data = read_arrays(params), images((4, 3, 32, 32))
    graph = mx.sym.load(str(symbol))
    inputs = [
        mx.nd.array(data if name == "data" else arrays[name], dtype="float64")
        for name in graph.list_inputs()
    ]
    inputs[0].attach_grad()
    with mx.autograd.record(train_mode=True):
        result = mx.nd.CachedOp(graph)(*inputs)
    result.backward()  # moves the statistics
    expected = result.asnumpy()
    module.double().train()
    before = module.batchnorm0.running_mean.clone()
    actual = module(torch.from_numpy(data)).detach().numpy()
    assert np.abs(actual - expected).max() <= EXACT * np.abs(expected).max()
    name = next(name for name in graph.list_inputs() if name.endswith("_running_mean"))
    moved = inputs[graph.list_inputs().index(name)].asnumpy()
    assert not torch.equal(module.batchnorm0.running_mean, before)
    assert np.allclose(module.batchnorm0.running_mean.numpy(), moved, rtol=1e-12)


@pytest.mark.mxnet
def test_the_module_trains(module: fx.GraphModule) -> None:
    module.train()
    data, labels = torch.from_numpy(images((8, 3, 32, 32), "float32")), torch.arange(8)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.2)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(module(data), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.mxnet
@pytest.mark.parametrize("name", ["cifar_resnet20_v1", "resnest14"])
def test_the_module_is_exported_with_a_batch_of_any_size(name: str, tmp_path: Path) -> None:
    module = import_graph(*export(name, tmp_path, input_size(name)))
    example = torch.from_numpy(images((2, 3, *input_size(name)), "float32"))
    shapes = ({0: torch.export.Dim("batch", min=1)},)
    program = torch.export.export(module, (example,), dynamic_shapes=shapes)
    data = images((5, 3, *input_size(name)), "float32")
    actual, expected = outputs(program.module(), data), outputs(module, data)
    assert np.abs(actual[0] - expected[0]).max() <= ROUNDED * np.abs(expected[0]).max()


@pytest.mark.mxnet
@pytest.mark.onnxruntime
@pytest.mark.slow
@pytest.mark.parametrize("name", ["cifar_resnet20_v1", "mobilenetv3_small", "resnest14"])
def test_the_module_is_exported_to_onnx(name: str, tmp_path: Path) -> None:
    import onnxruntime as runtime

    module = import_graph(*export(name, tmp_path, input_size(name)))
    example = torch.from_numpy(images((2, 3, *input_size(name)), "float32"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's exporter, about its own parts
        torch.onnx.export(
            module,
            (example,),
            tmp_path / "net.onnx",
            dynamo=True,
            verbose=False,
            dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
        )
    session = runtime.InferenceSession(tmp_path / "net.onnx")
    data = images((3, 3, *input_size(name)), "float32")
    (actual,) = session.run(None, {session.get_inputs()[0].name: data})
    (expected,) = outputs(module, data)
    assert np.abs(actual - expected).max() <= ROUNDED * np.abs(expected).max()


@pytest.mark.mxnet
def test_layers_that_share_their_arrays_stay_one(tmp_path: Path) -> None:
    from gluon2torch.sources.mxnet_compat import import_mxnet

    mx = import_mxnet()
    data, weight = mx.sym.var("data"), mx.sym.var("w_weight")
    options = {"kernel": (3, 3), "pad": (1, 1), "num_filter": 3, "no_bias": True}
    once = mx.sym.Convolution(data, weight, name="once", **options)
    twice = mx.sym.Convolution(once, weight, name="twice", **options)
    paths = export_symbol(twice, tmp_path / "net", {"data": (1, 3, 8, 8)})
    require_equal(*paths, (2, 3, 8, 8))
    assert list(import_graph(*paths).state_dict()) == ["once.weight"]


@pytest.mark.mxnet
def test_several_heads_are_a_tuple(tmp_path: Path) -> None:
    from gluon2torch.sources.mxnet_compat import import_mxnet

    mx = import_mxnet()
    data = mx.sym.var("data")
    group = mx.sym.Group([mx.sym.relu(data), mx.sym.sigmoid(data)])
    paths = export_symbol(group, tmp_path / "net", {"data": (1, 3, 8, 8)})
    assert isinstance(import_graph(*paths)(torch.zeros(1, 3, 8, 8)), tuple)
    require_equal(*paths, (2, 3, 8, 8))


@pytest.mark.mxnet
def test_arrays_of_another_network_are_refused(exported: tuple[Path, Path], tmp_path: Path) -> None:
    _, other = export("cifar_resnet56_v1", tmp_path, (32, 32))
    with pytest.raises(GraphError, match=re.escape("cannot be imported")) as error:
        import_graph(exported[0], other)
    assert any("no node uses this array" in problem for problem in error.value.problems)
    assert any("is not in the .params file" in problem for problem in error.value.problems)
