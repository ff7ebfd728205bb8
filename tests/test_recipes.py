"""What docs/recipes shows is run, on small networks that MXNet exported."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gluon2torch.graph import registry
from gluon2torch.graph.importer import read_arrays
from gluon2torch.sources.mxnet_compat import import_mxnet

from .documents import ROOT, blocks, commands, lines_of, parse, python_blocks, run
from .mxnet_run import run_by_mxnet
from .recipe_networks import RECIPES, make_files

FOLDER = ROOT / "docs" / "recipes"
FIGURE = re.compile(r"\d\.\de-\d+")
pytestmark = [pytest.mark.mxnet, pytest.mark.costly]


@pytest.fixture(autouse=True)
def _forget_plugins() -> Iterator[None]:
    before = registry.registered()
    yield
    registry.forget(registry.registered() - before)


def follow(text: str) -> tuple[dict[str, Any], str]:
    """Do what a page says in the working directory.

    Returns:
        The names in the examples, and what the commands printed.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    printed = ""
    for language, block in blocks(text):
        if language == "python":
            exec(compile(block, "docs/recipes", "exec"), names)
        else:
            for line in lines_of(block):
                result = run(line)
                assert result is not None
                assert result.exit_code == 0, (line, result.output)
                printed += result.output
    return names, printed


def outputs_of_mxnet(stem: str, epoch: int, output: str, **data: np.ndarray) -> list[np.ndarray]:
    """What MXNet computes of inputs, up to a node."""
    graph = import_mxnet().sym.load(f"{stem}-symbol.json").get_internals()[output]
    values = read_arrays(Path(f"{stem}-{epoch:04d}.params"))
    return run_by_mxnet(graph, {**values, **data}, "float32")


def check_faces(names: Mapping[str, Any]) -> None:
    """Vectors of raw pixels are MXNet's, in both networks."""
    pixels = names["pixels"].numpy()
    for stem, epoch, folder in (
        ("model-y1-test2/model", 0, "mobilefacenet"),
        ("r100-arcface-emore/model", 1, "arcface"),
    ):
        (expected,) = outputs_of_mxnet(stem, epoch, "fc1_output", data=pixels)
        (path,) = Path(folder).glob("*.pt2")
        found = torch.export.load(path).module()(names["pixels"]).detach().numpy()
        assert found.shape == (2, 128 if folder == "mobilefacenet" else 512)
        assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
    assert -1 <= float(names["anne"] @ names["ben"]) < 1


def check_proposals(names: Mapping[str, Any]) -> None:
    """Boxes are where their scores are; a side of 12 pixels is refused, one of 13 is not."""
    assert names["scores"].shape == (8, 2)
    widths = names["boxes"][:, 2] - names["boxes"][:, 0]
    assert 0 < float(widths.min()) < 200
    propose, prepare = names["propose"], names["prepare"]
    with pytest.raises((RuntimeError, AssertionError)):
        propose(prepare(np.zeros((12, 20, 3), np.uint8)))
    assert propose(prepare(np.zeros((13, 20, 3), np.uint8)))[1].shape == (1, 2, 2, 5)


def check_boxes_of_faces(names: Mapping[str, Any]) -> None:
    """Boxes are those of insightface's formulas, which have inclusive corners."""
    outputs, found = names["outputs"], names["faces"].numpy()
    assert len(outputs) == 9
    start = 0
    for level, (stride, scales) in enumerate(((32, (32, 16)), (16, (8, 4)), (8, (2, 1)))):
        scores, offsets = (each[0].numpy() for each in outputs[3 * level : 3 * level + 2])
        for anchor, scale in enumerate(scales):
            count = scores[0].size
            half = (16 * scale - 1) / 2
            row, column = np.divmod(np.arange(count), scores.shape[2])
            left, right = 7.5 - half + stride * column, 7.5 + half + stride * column
            top, bottom = 7.5 - half + stride * row, 7.5 + half + stride * row
            dx, dy, dw, dh = offsets[4 * anchor : 4 * anchor + 4].reshape(4, -1)
            width, height = right - left + 1, bottom - top + 1
            x = dx * width + left + 0.5 * (width - 1)
            y = dy * height + top + 0.5 * (height - 1)
            across, down = 0.5 * (np.exp(dw) * width - 1), 0.5 * (np.exp(dh) * height - 1)
            score = scores[2 + anchor].ravel()
            expected = np.stack([x - across, y - down, x + across, y + down, score], 1)
            actual = found[start : start + count]
            assert np.allclose(actual, expected, rtol=1e-4, atol=1e-2)
            start += count
    assert start == len(found)


def check_detections(names: Mapping[str, Any]) -> None:
    """SSD's rows are MXNet's, best first; YOLO's boxes are in the pixels of a larger image."""
    assert names["rows"].shape[1] == 6
    scores = names["rows"][names["rows"][:, 0] >= 0, 1]
    assert len(scores) > 0
    assert torch.equal(scores, scores.sort(descending=True).values)
    assert names["boxes"].shape == (1, 100, 4)
    assert float(names["boxes"].max()) > 96


def check_text(names: Mapping[str, Any]) -> None:
    """The line is what a loop over the steps reads."""
    read, last = "", 0
    for number in names["scores"].argmax(1).tolist():
        read += names["characters"][number - 1] if number not in (0, last) else ""
        last = number
    kept = [number for number in names["best"].tolist() if number]
    assert "".join(names["characters"][number - 1] for number in kept) == read
    assert len(names["scores"]) == 35
    assert names["network"](torch.zeros(2, 1, 32, 480)).shape == (2 * 60, 11)


def check_classes(names: Mapping[str, Any]) -> None:
    """`predict` prints the network's probabilities; no crop changes an image of one colour."""
    colour = (200, 30, 90)
    Image.new("RGB", (300, 260), colour).save("plain.png")
    (path,) = Path("weights").glob("*.pt2")
    options = "--labels classes.txt --mean 0,0,0 --std 0.00392157,0.00392157,0.00392157"
    result = run(f"gluon2torch predict {path} plain.png {options} --json -")
    assert result is not None
    (row,) = json.loads(result.output)
    shown = {guess["label"]: guess["probability"] for guess in row["top"]}
    plain = np.broadcast_to(np.array(colour), (224, 224, 3))
    images = np.stack([plain, np.array(names["image"])]).transpose(0, 3, 1, 2)
    given = {"data": images, "softmax_label": np.zeros(2)}
    (expected,) = outputs_of_mxnet("image-classification", 10, "softmax_output", **given)
    labels = ("rose", "tulip", "violet")
    assert np.allclose([shown[label] for label in labels], expected[0], atol=1e-4)
    assert np.allclose(names["probabilities"].numpy(), expected[1], atol=1e-5)


def check_bert(names: Mapping[str, Any]) -> None:
    """Steps behind a sentence's length are masked, and all words at the places have scores."""
    assert names["steps"].shape == (2, 16, 128)
    assert names["words"].shape == (2, 3, 1000)
    assert names["follows"].shape == (2, 2)
    assert float(names["steps"][1, 9:].abs().max()) == 0


def check_forecast(names: Mapping[str, Any]) -> None:
    """Samples are others in each run; their scale is that of their series."""
    network, given, order = names["network"], names["given"], names["order"]
    again = network(*(given[name] for name in order))
    assert again.shape == (2, 3, 2)
    assert not torch.equal(again, names["samples"])
    (path,) = Path("first_step").glob("*.pt2")
    mean, deviation, freedom, scale = torch.export.load(path).module()(
        *(given[name] for name in order)
    )
    assert mean.shape == deviation.shape == freedom.shape == (6, 1)
    assert torch.allclose(scale, torch.tensor([[7.5], [16.5]]))
    assert float(deviation.min()) > 0
    assert float(freedom.min()) > 2


CHECKS = {
    "arcface": check_faces,
    "mtcnn": check_proposals,
    "retinaface": check_boxes_of_faces,
    "ssd-yolo": check_detections,
    "crnn": check_text,
    "sagemaker": check_classes,
    "bert": check_bert,
    "deepar": check_forecast,
}


@pytest.mark.parametrize(
    "recipe",
    [
        pytest.param(each, marks=pytest.mark.slow if each == "retinaface" else ())
        for each in RECIPES
    ],
)
def test_a_recipe_works(recipe: str, sandbox: Path) -> None:
    make_files(recipe)
    text = (FOLDER / f"{recipe}.md").read_text(encoding="utf-8")
    names, _ = follow(text)
    records = [json.loads(path.read_text()) for path in sandbox.rglob("gluon_*.json")]
    assert len(records) == len([line for line in commands(text) if " convert " in line])
    for record in records:
        parity = record["parity"]
        assert (parity["reference"], parity["passed"]) == ("gluon", True)
    # the page's figures are those of this run, within what processors and threads change
    measured = [
        each["max_rel"]
        for record in records
        for each in (*record["parity"]["checks"], *record["parity"]["stages"])
    ]
    shown = [float(each) for each in FIGURE.findall(text.rpartition("**How exact.**")[2])]
    assert shown
    for figure in shown:
        assert any(figure / 8 <= each <= figure * 8 for each in measured), (figure, measured)
    if check := CHECKS.get(recipe):
        with torch.inference_mode():
            check(names)


@pytest.mark.usefixtures("sandbox")
def test_a_forecast_is_mxnets_where_samples_are_their_means(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_files("deepar")
    (example,) = python_blocks((FOLDER / "deepar.md").read_text(encoding="utf-8"))
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(example, "docs/recipes", "exec"), names)
    paths = Path("prediction_net-symbol.json"), Path("prediction_net-0000.params")
    table = json.loads(paths[0].read_text())
    for node in table["nodes"]:
        if node["op"] == "_sample_gamma":  # shape times scale
            node.update(op="elemwise_mul", attrs={})
        elif node["op"] == "_sample_normal":
            node.update(op="_copy", attrs={}, inputs=node["inputs"][:1])
    rng = np.random.default_rng(0)
    shapes = ((2, 1), (2, 1), (2, 9, 4), (2, 9), (2, 9), (2, 2, 4), (2, 9))
    data = {f"data{n}": rng.random(shape, np.float32) for n, shape in enumerate(shapes)}
    data |= {"data0": np.zeros((2, 1), np.float32), "data4": np.ones((2, 9), np.float32)}
    (expected,) = run_by_mxnet(json.dumps(table), {**read_arrays(paths[1]), **data}, "float32")
    monkeypatch.setattr(torch, "_standard_gamma", lambda shape: shape)
    monkeypatch.setattr(torch, "randn_like", torch.zeros_like)
    values = [torch.from_numpy(data[name]) for name in names["order"]]
    found = names["network"](*values).detach().numpy()
    assert found.shape == expected.shape == (2, 3, 2)
    difference = np.abs(found - expected).max() / np.abs(expected).max()
    print(f"DeepAR, means for samples: {difference:.1e} of the largest")
    assert difference <= 1e-5


@pytest.mark.usefixtures("sandbox")
def test_a_published_face_network_is_converted_by_the_recipe(data: Path) -> None:
    """A Gluon export whose pixels are scaled outside the graph, and whose vectors have length 1."""
    make_files("arcface")
    for ending in ("symbol.json", "0000.params"):
        source = data / "params" / f"mobilefacenet-{ending}"
        shutil.copy(source, Path("model-y1-test2", f"model-{ending}"))
    text, _, _ = (FOLDER / "arcface.md").read_text(encoding="utf-8").partition("A checkpoint")
    _, printed = follow(text)
    assert "equal to gluon" in printed
    (path,) = Path("mobilefacenet").glob("*.pt2")
    vectors = torch.export.load(path).module()(torch.randn(3, 3, 112, 112))
    assert torch.allclose(vectors.norm(dim=1), torch.ones(3), atol=1e-4)


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize("name", ["mnist_v0-0010", "mlp_v1-0000"])
def test_old_checkpoints_are_converted_by_the_recipe(name: str, data: Path) -> None:
    shutil.copy(data / "params" / f"{name}.params", "lenet-0010.params")
    symbol = f"{name.partition('-')[0]}-symbol.json"
    shutil.copy(data / "params" / symbol, "lenet-symbol.json")
    text, _, _ = (FOLDER / "module.md").read_text(encoding="utf-8").partition("The label is")
    _, printed = follow(text)
    assert "equal to gluon: float64" in printed
    (path,) = Path("weights").glob("*.pt2")
    assert torch.allclose(
        torch.export.load(path).module()(torch.rand(2, 1, 28, 28)).sum(1), torch.ones(2)
    )


def test_each_page_is_in_the_index() -> None:
    index = (FOLDER / "index.md").read_text(encoding="utf-8")
    pages = {path.stem for path in FOLDER.glob("*.md")} - {"index"}
    assert pages == set(RECIPES) == set(re.findall(r"\]\(([\w-]+)\.md\)", index))
    for path in FOLDER.glob("*.md"):
        text = path.read_text(encoding="utf-8")
        for link in re.findall(r"\]\(([^)#]+)\)", text):
            assert (path.parent / link).exists(), (path.name, link)
        for line in re.findall(r"`(gluon2torch [a-z-]+ [^`…]+)`", text):
            parse(line)
