"""What MXNet gave for a graph on one machine proves its conversion on another."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from gluon2torch.checkpoints.record import GraphRecord
from gluon2torch.errors import MissingDependencyError, ParamsFileError, ParityError
from gluon2torch.graph.operators import OPERATORS
from gluon2torch.graph.zoo.zoo_graph import load_zoo_graph
from gluon2torch.mappings.zoo import load_zoo
from gluon2torch.parity.reference_file import read_reference, write_reference
from gluon2torch.parity.saved_heads import About
from gluon2torch.pipeline.graph_conversion import convert_graph
from gluon2torch.pipeline.zoo_conversion import convert_zoo
from gluon2torch.sources.arrays import Arrays
from gluon2torch.sources.mxnet_compat import import_mxnet
from gluon2torch.sources.params_writer import write_params
from gluon2torch.sources.source import Source
from gluon2torch.sources.zoo_arrays import load_zoo_arrays

from .exported import export_symbol
from .test_commands import run

MODEL = "ssd_300_mobilenet0.25_voc"
SMALL = {"data": (1, 3, 64, 96)}
# class predictors of equal shape: those of two scales
HEADS = [f"class_predictors.{scale}.predictor" for scale in (4, 5)]

pytestmark = pytest.mark.mxnet


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    stored = load_zoo_graph(load_zoo()[MODEL])
    source = Source("random", seed=0)
    return load_zoo_arrays(load_zoo()[MODEL], stored.shapes, stored.constants, source)


@pytest.fixture(scope="module")
def here(arrays: Arrays, tmp_path_factory: pytest.TempPathFactory) -> GraphRecord:
    """The conversion of a detector that MXNet proved, in a folder with what MXNet gave for it."""
    folder = tmp_path_factory.mktemp("saved")
    write_params(folder / "mine.params", arrays)
    return convert(folder / "mine.params", folder, save_reference=folder / "mine.npz")


@pytest.fixture(scope="module")
def saved(here: GraphRecord) -> Path:
    """The folder."""
    return Path(here.file).parent


def convert(params: Path, out: Path, **options: Any) -> GraphRecord:
    given = {"inputs": SMALL, "formats": ["pth"], **options}
    return convert_zoo(MODEL, params=params, out=out, **given)


@pytest.mark.costly
def test_the_other_machine_measures_the_same(
    here: GraphRecord, saved: Path, tmp_path: Path
) -> None:
    there = convert(saved / "mine.params", tmp_path, reference=saved / "mine.npz")
    assert (here.parity.reference, there.parity.reference) == ("gluon", "gluon, saved")
    assert there.parity.passed is True
    assert len(there.parity.checks) == 2
    # further sizes are measured with MXNet alone
    assert there.parity.checks == here.parity.checks[:2]
    assert there.parity.stages == here.parity.stages
    assert there.sha256 == here.sha256
    assert "all outputs were compared in float64 only" in there.notes
    assert "mxnet" not in there.versions


@pytest.mark.costly
def test_a_wrong_operator_is_caught_by_it(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OPERATORS, "relu", OPERATORS["sigmoid"])
    monkeypatch.setitem(OPERATORS, "Activation", OPERATORS["sigmoid"])
    with pytest.raises(ParityError, match="not equal to its gluon, saved reference: .*head"):
        convert(saved / "mine.params", tmp_path / "out", reference=saved / "mine.npz")
    assert not (tmp_path / "out").exists()


@pytest.mark.costly
@pytest.mark.parametrize(
    ("changed", "options", "message"),
    [
        ({}, {"nms_thresh": 0.5}, "box_nms0' has overlap_thresh=0.5 instead of 0.45"),
        ({}, {"inputs": {"data": (1, 3, 64, 64)}}, "for inputs of shape 1x3x64x96; 2x3x64x96; exp"),
        ({}, {"reference": "other.npz"}, "other.npz: cannot be read"),
        (
            {HEADS[0]: HEADS[1], HEADS[1]: HEADS[0]},
            {},
            f"{HEADS[0]}.weight, {HEADS[0]}.bias, {HEADS[1]}.weight, {HEADS[1]}.bias; save",
        ),
    ],
)
def test_other_networks_are_named(
    changed: dict[str, str],
    options: dict[str, Any],
    message: str,
    arrays: Arrays,
    saved: Path,
    tmp_path: Path,
) -> None:
    swapped = {
        f"{new}.{kind}": arrays[f"{old}.{kind}"]
        for new, old in changed.items()
        for kind in ("weight", "bias")
    }
    write_params(tmp_path / "mine.params", {**arrays, **swapped})
    with pytest.raises(ParamsFileError, match=message):
        convert(
            tmp_path / "mine.params",
            tmp_path / "out",
            **{"reference": saved / "mine.npz", **options},
        )
    assert not (tmp_path / "out").exists()


def test_the_graph_of_a_file(tmp_path: Path) -> None:
    """Two data types, and an input of integers."""
    sym = import_mxnet().sym
    embedded = sym.Embedding(sym.var("ids"), input_dim=7, output_dim=3, name="words")
    output = sym.FullyConnected(embedded, num_hidden=2, name="fc")
    (tmp_path / "net-symbol.json").write_text(output.tojson())
    rng = np.random.default_rng(0)
    shapes = {"words_weight": (7, 3), "fc_weight": (2, 12), "fc_bias": (2,)}
    write_params(
        tmp_path / "net.params", {n: rng.standard_normal(s, np.float32) for n, s in shapes.items()}
    )
    inputs = {"ids": ((1, 4), "int32")}
    files = tmp_path / "net-symbol.json", tmp_path / "net.params"
    npz = tmp_path / "net.npz"
    convert_graph(*files, out=tmp_path / "one", inputs=inputs, save_reference=npz)
    record = convert_graph(*files, out=tmp_path / "two", inputs=inputs, reference=npz)
    assert record.parity.passed
    assert {check.dtype for check in record.parity.checks} == {"float64", "float32"}
    with np.load(npz) as file:
        assert file["input.0.ids"].dtype == np.int32
    sizes = {"ids": ((1, 4), "int64")}
    again = convert_graph(*files, out=tmp_path / "three", inputs=sizes, reference=npz)
    assert again.parity.passed


def test_the_files_of_classifiers_are_of_another_kind(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", about=np.array('{"model": "resnet18_v1"}'))
    options = ["--init", "random", "-o", tmp_path / "out", "--reference", tmp_path / "mine.npz"]
    done = run("convert", MODEL, *options, "--input", "data=1,3,64,64")
    assert done.exit_code == 1
    assert "mine.npz: is not a saved reference" in done.output
    assert not (tmp_path / "out").exists()


def test_nothing_is_saved_without_mxnet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mxnet", None)
    with pytest.raises(MissingDependencyError, match=r"--reference FILE.npz"):
        convert_zoo(
            MODEL,
            init="random",
            out=tmp_path / "out",
            inputs=SMALL,
            save_reference=tmp_path / "mine.npz",
        )
    assert not list(tmp_path.glob("*.npz"))


def test_results_that_mxnet_rounded_are_refused(tmp_path: Path) -> None:
    """Files of older versions, in which float64 had the rounding of float32."""
    sym = import_mxnet().sym
    layer = sym.LeakyReLU(sym.FullyConnected(sym.var("data"), num_hidden=3, name="fc"))
    symbol, params = export_symbol(layer, tmp_path / "net", {"data": (1, 5)})
    saved = tmp_path / "net.npz"
    convert_graph(symbol, params, out=tmp_path / "a", save_reference=saved)
    convert_graph(symbol, params, out=tmp_path / "b", reference=saved)
    about, values = read_reference(saved, About)
    write_reference(saved, msgspec.structs.replace(about, replaced=()), values)
    with pytest.raises(ParamsFileError, match="has the results of LeakyReLU as MXNet rounds them"):
        convert_graph(symbol, params, out=tmp_path / "c", reference=saved)


@pytest.mark.parametrize("values", ["real", "integers", "0 and 1", "int32", "not finite"])
def test_saved_inputs_are_those_that_the_network_takes(values: str, tmp_path: Path) -> None:
    """A relu is an abs on integers from 0, and a proof with them would not tell the two apart."""
    mx = import_mxnet()
    net = mx.sym.FullyConnected(mx.sym.relu(mx.sym.var("data")), name="fc", num_hidden=3)
    symbol, params = tmp_path / "net-symbol.json", tmp_path / "net.params"
    net.save(str(symbol))
    rng = np.random.default_rng(0)
    shapes = {"fc_weight": (3, 4), "fc_bias": (3,)}
    write_params(params, {k: rng.standard_normal(v).astype(np.float32) for k, v in shapes.items()})
    options: dict[str, Any] = {"inputs": {"data": (1, 4)}, "formats": ["pth"]}
    file = tmp_path / "saved.npz"
    convert_graph(symbol, params, out=tmp_path / "one", save_reference=file, **options)
    about, arrays = read_reference(file, About)
    for name, array in arrays.items():
        if name.startswith("input."):
            arrays[name] = {
                "real": array,
                "integers": np.rint(5 * np.abs(array)),
                "0 and 1": (array > 0).astype(array.dtype),
                "int32": np.abs(array).astype(np.int32),
                "not finite": np.where(array > 0, np.inf, array),
            }[values]
    write_reference(file, about, arrays)
    if values == "real":
        record = convert_graph(symbol, params, out=tmp_path / "two", reference=file, **options)
        assert record.parity.passed
        return
    with pytest.raises(ParamsFileError, match="has other values for data than it takes here"):
        convert_graph(symbol, params, out=tmp_path / "two", reference=file, **options)
