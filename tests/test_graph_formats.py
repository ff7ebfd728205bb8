"""The files of networks that were converted as graphs: each format, opened and used again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from gluon2torch import create_zoo_model, import_graph, open_checkpoint, open_program
from gluon2torch.checkpoints.formats import graph_onnx
from gluon2torch.checkpoints.program import Program, has_graph
from gluon2torch.checkpoints.record import GraphRecord
from gluon2torch.commands.to_gluon_command import missing_note
from gluon2torch.errors import CheckpointError, KeyMapError
from gluon2torch.graph.array_recovery import recover_arrays
from gluon2torch.graph.symbols.roles import auxiliary_names
from gluon2torch.graph.symbols.symbol import parse_symbol, read_symbol
from gluon2torch.inference.graph_prediction import gives_probabilities
from gluon2torch.inference.prediction import top_guesses
from gluon2torch.mappings.zoo import load_zoo
from gluon2torch.pipeline.graph_conversion import convert_graph
from gluon2torch.pipeline.graph_verification import verify_graph
from gluon2torch.pipeline.zoo_conversion import convert_zoo
from gluon2torch.sources.mxnet_compat import import_mxnet, legacy_names
from gluon2torch.sources.params_writer import write_params
from gluon2torch.sources.zoo_network import zoo_block

from .exported import export_symbol
from .images import encode, noise, run
from .mxnet_run import run_by_mxnet

FORMATS = ("pt2", "pth", "safetensors", "onnx")
WITH_WEIGHTS = FORMATS[:3]
SIZE = (24, 20)
pytestmark = pytest.mark.mxnet


def pooled() -> Any:
    """A small classifier with global pooling: a convolution, two BatchNorms, and two outputs."""
    sym = import_mxnet().sym
    data = sym.var("data")
    layer = sym.Convolution(data, kernel=(3, 3), stride=(2, 2), num_filter=6, name="conv")
    layer = sym.BatchNorm(layer, fix_gamma=True, name="fixed")
    layer = sym.BatchNorm(sym.relu(layer), fix_gamma=False, name="free")
    pool = sym.Pooling(layer, global_pool=True, pool_type="avg", name="pool")
    logits = sym.FullyConnected(pool, num_hidden=5, name="fc")
    return sym.Group([logits, sym.sigmoid(layer, name="map")])


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("exported")
    symbol, params = export_symbol(pooled(), folder / "net", {"data": (1, 3, *SIZE)})
    arrays = {**read(params), "arg:fixed_gamma": np.ones(6, np.float32)}
    write_params(params, arrays)
    return symbol, params


def read(params: Path) -> dict[str, np.ndarray]:
    return {name: array.asnumpy() for name, array in import_mxnet().nd.load(str(params)).items()}


@pytest.fixture(scope="module")
def record(exported: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> GraphRecord:
    out = tmp_path_factory.mktemp("out")
    return convert_graph(*exported, out=out, sizes=[SIZE], formats=FORMATS)


def test_weights_that_two_layers_share_are_written(tmp_path: Path) -> None:
    sym = import_mxnet().sym
    weight = sym.var("weight", shape=(5, 3))
    words = sym.Embedding(sym.var("data"), weight, input_dim=5, output_dim=3, name="embed")
    options: dict[str, Any] = {"num_hidden": 5, "no_bias": True, "flatten": False}
    logits = sym.FullyConnected(words, weight, name="decode", **options)
    paths = export_symbol(logits, tmp_path / "tied", {"data": (1, 4)})
    tied = convert_graph(*paths, out=tmp_path / "out", inputs={"data": (1, 4)}, formats=FORMATS)
    assert tied.parity.passed
    tensors = load_file(file_of(tied, "safetensors"))
    assert torch.equal(tensors["embed.weight"], tensors["decode.weight"])


def file_of(record: GraphRecord, format_: str) -> Path:
    return next(Path(each.file) for each in record.files if each.format == format_)


def by_mxnet(exported: tuple[Path, Path], images: np.ndarray) -> list[np.ndarray]:
    arrays = {name.partition(":")[2]: array for name, array in read(exported[1]).items()}
    return run_by_mxnet(exported[0].read_text(), {**arrays, "data": images})


def runner(path: Path) -> Callable[[np.ndarray], list[np.ndarray]]:
    """Runs a file without this project, or for the formats of weights with its module."""
    if path.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return lambda images: session.run(None, {"data": images})
    program = path.suffix == ".pt2"
    module = torch.export.load(path).module() if program else open_program(path).module()
    return lambda images: [each.detach().numpy() for each in module(torch.from_numpy(images))]


@pytest.mark.costly
@pytest.mark.onnxruntime
@pytest.mark.parametrize("format_", FORMATS)
def test_one_file_takes_any_batch_and_size(
    format_: str, exported: tuple[Path, Path], record: GraphRecord
) -> None:
    """Against MXNet, at three sizes that were not tried when the file was written."""
    path = file_of(record, format_)
    about = json.loads(path.with_suffix(".json").read_text())
    assert about["inputs"] == [{"name": "data", "shape": [None, 3, None, None], "dtype": "float32"}]
    assert (about["format"], about["file"]) == (format_, str(path))
    assert about["outputs"] == ["fc", "map"]
    compute = runner(path)
    for shape in ((2, 3, 24, 20), (1, 3, 9, 41), (5, 3, 63, 14)):
        images = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
        for actual, expected in zip(compute(images), by_mxnet(exported, images), strict=True):
            assert actual.shape == expected.shape
            assert np.abs(actual - expected).max() <= 1e-5 * np.abs(expected).max()


def test_names_in_an_onnx_file_are_the_graphs(record: GraphRecord) -> None:
    onnx = pytest.importorskip("onnx")
    graph = onnx.load(file_of(record, "onnx")).graph
    (value,) = graph.input
    dims = [each.dim_param or each.dim_value for each in value.type.tensor_type.shape.dim]
    assert (value.name, dims) == ("data", ["batch", 3, "height", "width"])
    assert [each.name for each in graph.output] == ["fc", "map"]


def test_an_onnx_file_that_differs_is_not_written(
    exported: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = graph_onnx.to_bytes

    def wrong(model: Any, metadata: Any) -> bytes:
        for each in model.graph.initializer:
            if each.name == "fc.bias":
                bias = np.frombuffer(each.raw_data, np.float32) + np.float32(0.01)
                each.raw_data = bias.tobytes()
        return original(model, metadata)

    monkeypatch.setattr(graph_onnx, "to_bytes", wrong)
    options: dict[str, Any] = {"out": tmp_path / "out", "sizes": [SIZE], "reference": "none"}
    with pytest.raises(CheckpointError, match="onnx in onnxruntime differs from the module by"):
        convert_graph(*exported, formats=["pth", "onnx"], **options)
    assert not (tmp_path / "out").exists()


def test_what_onnx_does_not_have_is_refused_by_its_node(tmp_path: Path) -> None:
    sym = import_mxnet().sym
    data = sym.var("data")
    product = sym.linalg.gemm2(data, data, transpose_b=True, name="product")
    factor = sym.linalg.syevd(product, name="spectrum")
    paths = export_symbol(sym.Group([factor[1]]), tmp_path / "net", {"data": (1, 3, 4, 4)})
    options: dict[str, Any] = {"out": tmp_path / "out", "reference": "none"}
    shape = {"data": (1, 3, 4, 4)}
    with pytest.raises(CheckpointError, match="the node 'spectrum' computes aten._linalg_eigh"):
        convert_graph(*paths, formats=["onnx"], inputs=shape, **options)
    assert not (tmp_path / "out").exists()


def test_the_exporters_remarks_are_not_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of an array that is an output, too, it says that it is not merged with an equal one."""
    sym = import_mxnet().sym
    array = sym.var("array", shape=(1, 3))
    sums = sym.broadcast_add(sym.FullyConnected(sym.var("data"), num_hidden=3, name="fc"), array)
    paths = export_symbol(sym.Group([sums, array * 1]), tmp_path / "net", {"data": (2, 4)})
    options: dict[str, Any] = {"out": tmp_path / "out", "reference": "none"}
    convert_graph(*paths, formats=["onnx"], inputs={"data": (2, 4)}, **options)
    assert [each.name for each in caplog.records if each.name.startswith("onnx_ir")] == []


@pytest.mark.parametrize("format_", WITH_WEIGHTS)
def test_weights_go_back_to_mxnet_byte_for_byte(
    format_: str, exported: tuple[Path, Path], record: GraphRecord, tmp_path: Path
) -> None:
    back = tmp_path / "back-0007.params"
    result = run("to-gluon", file_of(record, format_), "-o", back)
    assert result.exit_code == 0, result.output
    assert result.output == (
        f"net: 12 arrays in {back}, its graph in {tmp_path / 'back-symbol.json'}\n"
    )
    assert back.read_bytes() == exported[1].read_bytes()
    mx = import_mxnet()
    symbol, args, states = mx.model.load_checkpoint(str(tmp_path / "back"), 7)
    assert symbol.list_auxiliary_states() == list(states)
    assert set(symbol.list_arguments()) == {"data", *args}
    images = np.random.default_rng(1).standard_normal((2, 3, *SIZE)).astype(np.float32)
    again = by_mxnet((tmp_path / "back-symbol.json", back), images)
    for one, other in zip(again, by_mxnet(exported, images), strict=True):
        assert np.array_equal(one, other)


def test_another_graph_beside_the_arrays_is_not_replaced(
    record: GraphRecord, exported: tuple[Path, Path], tmp_path: Path
) -> None:
    file, back, symbol = (
        file_of(record, "pt2"),
        tmp_path / "a-0000.params",
        tmp_path / "a-symbol.json",
    )
    text = exported[0].read_text()
    for other, difference in (
        ("{}", "no graph"),
        (text.replace('"num_hidden": "5"', '"num_hidden": "7"'), "num_hidden=7 instead of 5"),
    ):
        symbol.write_text(other)
        result = run("to-gluon", file, "-o", back)
        assert result.exit_code == 1
        assert result.stderr.startswith(f"Error: {symbol}: is there already and is not the graph")
        assert difference in result.stderr
        assert "`--out`" in result.stderr
        assert len(result.stderr.splitlines()) == 1
        assert symbol.read_text() == other
        assert not back.exists()
    symbol.write_text(text)  # the same graph, as MXNet wrote it
    for _ in range(2):
        assert run("to-gluon", file, "-o", back).exit_code == 0


def test_the_graph_beside_the_arrays_is_an_output_too(record: GraphRecord, tmp_path: Path) -> None:
    file, back, symbol = (
        file_of(record, "pt2"),
        tmp_path / "a-0000.params",
        tmp_path / "a-symbol.json",
    )
    result = run("to-gluon", file, "-o", back, "--json", symbol)
    assert result.exit_code == 2
    assert f"{symbol} is also the file of --json; choose another name" in (
        " ".join(result.stderr.split())
    )
    assert list(tmp_path.iterdir()) == []
    assert run("to-gluon", file, "-o", back, "--json", tmp_path / "b.json").exit_code == 0


def test_a_changed_weight_goes_back_and_a_wrong_place_does_not(record: GraphRecord) -> None:
    opened = open_program(file_of(record, "pth"))
    tensors = {**opened.tensors, "fc.bias": torch.arange(5.0)}
    arrays = replace(opened, tensors=tensors).gluon_arrays()
    assert arrays["fc_bias"].tolist() == [0, 1, 2, 3, 4]
    assert np.array_equal(arrays["conv_weight"], opened.tensors["conv.weight"])
    scaled = {**tensors, "fixed.weight": 2 * torch.ones(6)}  # which the graph fixes to 1
    with pytest.raises(CheckpointError, match="fixed.weight is computed from several"):
        replace(opened, tensors=scaled).gluon_arrays()
    del tensors["fc.bias"]
    with pytest.raises(CheckpointError, match="fc.bias is not among the weights"):
        replace(opened, tensors=tensors).gluon_arrays()


@pytest.mark.parametrize("mode", ["lstm", "gru"])
def test_arrays_of_recurrent_layers_are_recovered(mode: str, tmp_path: Path) -> None:
    """Whose one vector of parameters becomes several tensors."""
    sym = import_mxnet().sym
    out = sym.RNN(
        sym.var("data"),
        sym.var("parameters"),
        sym.var("state"),
        *([sym.var("cell")] if mode == "lstm" else []),
        state_size=5,
        num_layers=2,
        bidirectional=True,
        mode=mode,
        name="rnn",
    )
    inputs = {"data": (7, 1, 3), "state": (4, 1, 5)} | (
        {"cell": (4, 1, 5)} if mode == "lstm" else {}
    )
    symbol, params = export_symbol(out, tmp_path / "net", inputs)
    module = import_graph(symbol, params)
    vector = read(params)["arg:parameters"]
    specs = {"parameters": (vector.shape, "float32")}
    found = recover_arrays(read_symbol(symbol), specs, module.state_dict(), {})
    assert np.array_equal(found["parameters"], vector)
    assert len(module.state_dict()) == 16


def test_auxiliary_states_are_those_of_mxnet() -> None:
    sym = import_mxnet().sym
    data = sym.var("data")
    layers = [
        sym.BatchNorm(data, name="a"),
        sym.contrib.SyncBatchNorm(data, key="k", ndev=1, name="b"),
        sym.IdentityAttachKLSparseReg(data, name="c"),
        sym.InstanceNorm(data, name="d"),
    ]
    group = sym.Group(layers)
    graph = parse_symbol(group.tojson().encode(), "net")
    assert auxiliary_names(graph) == set(group.list_auxiliary_states())


def test_modules_of_one_program_share_no_weights(record: GraphRecord) -> None:
    program = open_program(file_of(record, "pth"))
    first, second = program.module(), program.module()
    with torch.no_grad():
        for parameter in first.parameters():
            parameter += 1
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other + 1)


def test_weights_load_into_the_imported_module(
    exported: tuple[Path, Path], record: GraphRecord
) -> None:
    """As the documentation says, and with the record's own code."""
    images = torch.randn(2, 3, *SIZE)
    module = import_graph(*exported)
    expected = module(images)
    for parameter in module.parameters():
        torch.nn.init.zeros_(parameter)
    module.load_state_dict(torch.load(file_of(record, "pth"), weights_only=True))
    assert all(map(torch.equal, module(images), expected))
    place: dict[str, Any] = {}
    exec(json.loads(file_of(record, "pth").with_suffix(".json").read_text())["load"], place)
    assert all(map(torch.equal, place["network"](images), expected))


def test_the_graph_is_in_the_file_or_its_record(record: GraphRecord, tmp_path: Path) -> None:
    path = file_of(record, "safetensors")
    with safe_open(path, framework="pt") as file:
        assert "mxnet-graph" in file.metadata()
    assert all(has_graph(file_of(record, format_)) for format_ in WITH_WEIGHTS)
    alone = tmp_path / "alone.pth"
    alone.write_bytes(file_of(record, "pth").read_bytes())
    assert not has_graph(alone)
    with pytest.raises(CheckpointError, match="no MXNet graph beside its weights"):
        open_program(alone)
    for format_ in ("pth", "safetensors"):
        with pytest.raises(CheckpointError, match="open it with gluon2torch.open_program"):
            open_checkpoint(file_of(record, format_))


@pytest.mark.parametrize("format_", WITH_WEIGHTS)
def test_verify_measures_parity_from_the_file(
    format_: str, record: GraphRecord, tmp_path: Path
) -> None:
    path = file_of(record, format_)
    result = run("verify", path, "--json", "-")
    assert result.exit_code == 0, result.output
    (found,) = json.loads(result.output)
    assert found["compared"] == ["digits", "sha256", "facts_sha256", "content_sha256"]
    assert found["model"] == "net"
    checks = [(each["dtype"], each["input"]) for each in found["parity"]["checks"]]
    assert checks == [
        ("float64", "2x3x24x20"),
        ("float32", "2x3x24x20"),
        ("float64", "2x3x19x13"),
        ("float64", "2x3x16x23"),
    ]
    other = tmp_path / path.name
    other.write_bytes(path.read_bytes())
    about = json.loads(path.with_suffix(".json").read_text())
    text = json.dumps({**about, "content_sha256": "0" * 64})
    other.with_suffix(".json").write_text(text)
    result = run("verify", other)
    assert result.exit_code == 1
    assert "its content SHA-256 is" in result.stderr
    assert run("verify", path, "--reference", "graph").exit_code == 1


@pytest.mark.onnxruntime
def test_weights_that_are_no_numbers_are_converted_without_a_proof(
    exported: tuple[Path, Path], tmp_path: Path
) -> None:
    """One class's logit is NaN: the files are compared with the module, where it is NaN, too."""
    symbol, params = exported
    arrays = read(params)
    arrays["arg:fc_weight"][1, 2] = np.nan
    write_params(spoiled := tmp_path / "net-0000.params", arrays)
    given = {"sizes": [SIZE], "out": tmp_path / "out", "formats": FORMATS}
    with pytest.raises(KeyMapError, match=r"fc_weight: contains 1 NaN .* `--reference none`"):
        convert_graph(symbol, spoiled, **given)
    assert not (tmp_path / "out").exists()
    record = convert_graph(symbol, spoiled, reference="none", allow_nonfinite=True, **given)
    for file in record.files:
        if file.format not in WITH_WEIGHTS:
            continue
        assert verify_graph(file.file, reference="none").passed
        (problem,) = verify_graph(file.file, reference="gluon").problems
        assert "fc_weight: contains 1 NaN and 0 Inf in 30 values" in problem


@pytest.mark.parametrize(
    "edit",
    [
        lambda record: {**record, "graph": record["graph"].replace("avg", "max")},
        lambda record: {**record, "num_classes": 77},
        lambda record: {**record, "inputs": [{**record["inputs"][0], "name": "pixels"}]},
        lambda record: {**record, "source": {**record["source"], "sha1": "0" * 40}},
        lambda record: {**record, "parity": {**record["parity"], "passed": None}},
    ],
)
def test_verify_notices_an_edited_record(
    edit: Callable[[dict[str, Any]], dict[str, Any]], record: GraphRecord, tmp_path: Path
) -> None:
    path = file_of(record, "pth")
    other = tmp_path / path.name
    other.write_bytes(path.read_bytes())
    about = json.loads(path.with_suffix(".json").read_text())
    other.with_suffix(".json").write_text(json.dumps(about))
    assert verify_graph(other, reference="none").passed
    assert edit(about) != about
    other.with_suffix(".json").write_text(json.dumps(edit(about)))
    (problem,) = verify_graph(other, reference="none").problems
    assert problem.startswith("its record's hash of its facts is ")


def test_verify_notices_weights_that_mxnet_computes_otherwise(
    record: GraphRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(opened: Program) -> dict[str, np.ndarray]:
        found = original(opened)
        return {**found, "fc_bias": found["fc_bias"] + np.float32(1e-3)}

    original = Program.gluon_arrays
    monkeypatch.setattr(Program, "gluon_arrays", wrong)
    result = run("verify", file_of(record, "pth"))
    assert result.exit_code == 1
    assert "the first stage that differs is head0" in result.stderr


def test_images_are_classified_and_their_outputs_written(
    exported: tuple[Path, Path], record: GraphRecord, tmp_path: Path
) -> None:
    image = tmp_path / "a.png"
    image.write_bytes(encode(Image.fromarray(noise(*SIZE)), "PNG"))
    scale = ["--mean", "0.4,0.5,0.6", "--std", "0.2,0.25,0.3"]
    pixels = noise(*SIZE).transpose(2, 0, 1)[None] / 255.0
    mean, std = (np.array(v)[:, None, None] for v in ([0.4, 0.5, 0.6], [0.2, 0.25, 0.3]))
    logits, maps = by_mxnet(exported, ((pixels - mean) / std).astype(np.float32))
    preset = ["--preset", "timm", "--device", "cpu"]
    path = file_of(record, "pth")
    out = tmp_path / "out.npz"
    result = run("features", path, image, "-o", out, *scale, *preset, "--workers", "0")
    assert result.exit_code == 0, result.output
    with np.load(out) as arrays:
        assert arrays.files == ["images", "fc", "map"]
        assert arrays["fc"].shape == logits.shape
        assert arrays["map"].shape == maps.shape
    result = run("predict", path, image, *scale, *preset, "--json", "-")
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.output)
    with np.load(out) as arrays:
        order = np.argsort(-arrays["fc"][0])
    assert [guess["index"] for guess in row["top"]] == order.tolist()
    assert run("predict", path, image, "--threshold", "0.1").exit_code == 2
    assert run("features", path, image, "-o", out, "--stages").exit_code == 2
    assert run("predict", path, image, "--std", "0,1,1").exit_code == 2


@pytest.mark.parametrize(
    ("operator", "attributes", "expected"),
    [
        ("SoftmaxOutput", {}, True),
        ("softmax", {}, True),
        ("SoftmaxActivation", {}, True),
        ("LogisticRegressionOutput", {}, True),
        ("Activation", {"act_type": "sigmoid"}, True),
        ("Activation", {"act_type": "softrelu"}, False),
        ("identity", {}, False),
    ],
)
def test_a_network_that_ends_in_probabilities_gets_no_second_softmax(
    operator: str, attributes: dict[str, str], expected: bool
) -> None:
    sym = import_mxnet().sym
    head = getattr(sym, operator)(sym.var("data"), **attributes)
    kept = sym.Cast(sym.Flatten(sym.BlockGrad(head)), dtype="float32")
    for first in (head, kept, sym.LinearRegressionOutput(sym.identity(head)), sym.MakeLoss(head)):
        symbol = sym.Group([first, sym.relu(sym.var("data"))])
        assert gives_probabilities(parse_symbol(symbol.tojson().encode(), "net")) is expected
    scores = torch.tensor([0.25, 0.625, 0.125], dtype=torch.float64)
    guesses = top_guesses(scores, ("a", "b", "c"), 2, probabilities=True)
    assert [(guess.label, guess.probability) for guess in guesses] == [("b", 0.625), ("a", 0.25)]


def test_features_are_those_of_mxnet(
    exported: tuple[Path, Path], record: GraphRecord, tmp_path: Path
) -> None:
    """Images whose crop is the whole image: the short side is 20 / 0.875 of 24."""
    out = tmp_path / "out.npz"
    image = tmp_path / "a.png"
    image.write_bytes(encode(Image.fromarray(noise(*SIZE)), "PNG"))
    from gluon2torch.inference.graph_network import GraphNetwork
    from gluon2torch.inference.images.image_file import read_image
    from gluon2torch.inference.runner import Setup

    network = GraphNetwork(open_program(file_of(record, "pt2")), Setup(torch.device("cpu")))
    crop = network.crop(read_image(image)).transpose(2, 0, 1)[None] / np.float32(255)
    mean, std = (
        np.array(values, np.float32)[:, None, None]
        for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    logits, _ = by_mxnet(exported, ((crop - mean) / std).astype(np.float32))
    result = run("features", file_of(record, "pt2"), image, "-o", out, "--workers", "0")
    assert result.exit_code == 0, result.output
    with np.load(out) as arrays:
        assert np.abs(arrays["fc"] - logits).max() <= 1e-5 * np.abs(logits).max()


def test_a_program_that_torch_cannot_load_again_has_fewer_free_sizes(
    exported: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of some detectors, which torch saves with sizes that it cannot restore."""
    load, attempts = torch.export.load, []

    def loads_the_second(file: Any) -> Any:
        attempts.append(load(file))
        if len(attempts) == 1:
            try:
                raise ValueError("Could not guard on a size")
            except ValueError as error:
                raise RuntimeError("an error when deserializing") from error
        return attempts[-1]

    monkeypatch.setattr(torch.export, "load", loads_the_second)
    record = convert_graph(*exported, sizes=[SIZE], out=tmp_path / "out", reference="none")
    assert len(attempts) == 2
    assert record.notes[-1] == (
        "the pt2 file accepts images of this size only: torch cannot export it "
        "otherwise (Could not guard on a size); that of `--format pth` accepts others"
    )


def test_a_size_that_the_graph_fixes_stays_in_the_record(tmp_path: Path) -> None:
    """A layer of all pixels; and maps that are joined again, so that sides are multiples."""
    sym = import_mxnet().sym
    data = sym.var("data")
    layer = sym.FullyConnected(data, num_hidden=3, name="fc")
    paths = export_symbol(layer, tmp_path / "fixed", {"data": (1, 3, 8, 8)})
    record = convert_graph(*paths, out=tmp_path, inputs={"data": (1, 3, 8, 8)})
    assert record.inputs[0].shape == (None, 3, 8, 8)
    half = data
    for number in range(5):
        half = sym.Convolution(
            half, kernel=(2, 2), stride=(2, 2), num_filter=3, name=f"conv{number}"
        )
    whole = sym.UpSampling(half, scale=32, sample_type="nearest", name="up") + data
    paths = export_symbol(whole, tmp_path / "joined", {"data": (1, 3, 64, 96)})
    record = convert_graph(*paths, out=tmp_path, inputs={"data": (1, 3, 64, 96)})
    assert record.inputs[0].shape == (None, 3, None, None)
    assert record.notes == ("the height and width of images must be multiples of 32",)
    program = torch.export.load(record.file).module()
    assert program(torch.zeros(3, 3, 128, 96)).shape == (3, 3, 128, 96)
    with pytest.raises(AssertionError, match="Guard failed"):
        program(torch.zeros(3, 3, 128, 97))
    # torch.export treats the one pixel of the last maps as a constant
    record = convert_graph(*paths, out=tmp_path, inputs={"data": (1, 3, 64, 32)})
    assert record.inputs[0].shape == (None, 3, 64, 32)
    assert record.notes[1].startswith("the pt2 file accepts images of this size only")


def test_a_size_at_which_mxnet_differs_is_not_claimed(
    exported: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator that is right at the size of the proof alone."""
    from gluon2torch.graph.operators import OPERATORS
    from gluon2torch.graph.operators.pooling import pooling

    def wrong(call: Any) -> Any:
        return call.function(scaled, pooling(call), call.value(0))

    monkeypatch.setitem(OPERATORS, "Pooling", wrong)
    record = convert_graph(*exported, out=tmp_path, sizes=[SIZE])
    assert record.inputs[0].shape == (None, 3, *SIZE)
    (note,) = record.notes
    assert note.startswith("images of this size only are proved: net-symbol.json: not equal")


def scaled(pool: torch.Tensor, data: torch.Tensor) -> torch.Tensor:
    return pool * (data.shape[2] / 11)


@pytest.mark.costly
def test_parameters_that_gluoncv_requires_and_does_not_use_are_named(tmp_path: Path) -> None:
    name, size = "monodepth2_resnet18_posenet_kitti_mono_640x192", (1, 6, 96, 160)
    options: dict[str, Any] = {"init": "random", "reference": "none", "out": tmp_path}
    record = convert_zoo(name, formats=["safetensors"], inputs={"data": size}, **options)
    back = tmp_path / "back.params"
    result = run("to-gluon", record.file, "-o", back, "--json", tmp_path / "back.json")
    assert result.exit_code == 0, result.output
    assert result.stderr == (
        f"note: GluonCV's {name} has 2 parameters with which it does not compute, and which the "
        "file lacks (encoder.encoder.fc.weight, encoder.encoder.fc.bias); load it with "
        "net.load_parameters(FILE, allow_missing=True), after net.initialize() if MXNet asks for "
        "it\n"
    )
    (row,) = json.loads((tmp_path / "back.json").read_text())
    assert row["missing"] == ["encoder.encoder.fc.weight", "encoder.encoder.fc.bias"]
    net = zoo_block(name, load_zoo()[name].options)
    with pytest.raises(AssertionError, match=r"'encoder\.encoder\.fc\.weight' is missing"):
        net.load_parameters(str(back))
    net.load_parameters(str(back), allow_missing=True)
    images = np.random.default_rng(0).random(size).astype(np.float32)
    with torch.no_grad():
        ours = open_program(record.file).module()(torch.from_numpy(images))
    theirs = net(import_mxnet().nd.array(images))
    assert len(ours) == len(theirs) == 2
    for one, other in zip(ours, theirs, strict=True):
        expected = other.asnumpy()
        assert np.abs(one.numpy() - expected).max() <= 1e-5 * np.abs(expected).max()


def test_only_the_first_names_that_a_file_lacks_are_shown() -> None:
    missing = tuple(f"p{number}" for number in range(8))
    assert "(p0, p1, p2 and 5 more)" in missing_note("net", missing)
    assert "(p0, p1, p2)" in missing_note("net", missing[:3])


@pytest.mark.onnxruntime
def test_a_network_of_the_zoo_has_all_formats(tmp_path: Path) -> None:
    record = convert_zoo(
        "mobilenet0.25",
        init="random",
        out=tmp_path,
        formats=["safetensors", "onnx"],
        inputs={"data": (1, 3, 64, 64)},
    )
    assert [each.format for each in record.files] == ["safetensors", "onnx"]
    module = create_zoo_model("mobilenet0.25", seed=1)
    opened = open_program(record.file)
    module.load_state_dict(opened.tensors)
    images = np.random.default_rng(0).standard_normal((2, 3, 96, 80)).astype(np.float32)
    expected = module(torch.from_numpy(images)).detach().numpy()
    (actual,) = runner(file_of(record, "onnx"))(images)
    assert np.abs(actual - expected).max() <= 1e-5 * np.abs(expected).max()
    back = tmp_path / "back.params"
    assert run("to-gluon", record.file, "-o", back).exit_code == 0
    with legacy_names():
        from gluoncv.model_zoo import get_model

        net = get_model("mobilenet0.25", pretrained=False)
    net.load_parameters(str(back))
    theirs = net(import_mxnet().nd.array(images)).asnumpy()
    assert np.abs(theirs - expected).max() <= 1e-5 * np.abs(expected).max()
