"""What is asked of a conversion is checked once, for Python and for the command line."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner

from gluon2torch import convert, convert_zoo
from gluon2torch.cli import main
from gluon2torch.pipeline.graph_conversion import convert_graph
from gluon2torch.pipeline.request import RULES, Request, RequestError

# for each rule: the fields, the command line, and the options that the message names
CASES: list[tuple[dict[str, Any], list[str], list[str]]] = [
    (
        {"params": "x", "init": "random"},
        ["--params", "x", "--init", "random"],
        ["--params", "--init"],
    ),
    (
        {"model": "resnet18_v1b", "backbone": True},
        ["resnet18_v1b", "--backbone"],
        ["--backbone", "--params"],
    ),
    (
        {"params": "x", "layout": "timm-folder", "formats": ["pth"]},
        ["--params", "x", "--layout", "timm-folder", "--format", "pth"],
        ["--layout", "--format"],
    ),
    (
        {"params": "x", "layout": "torchvision", "formats": ["onnx"]},
        ["--params", "x", "--layout", "torchvision", "--format", "onnx"],
        ["--layout"],
    ),
    (
        {"params": "x", "layout": "torchvision", "formats": ["py"]},
        ["--params", "x", "--layout", "torchvision", "--format", "py"],
        ["--layout"],
    ),
    (
        {"params": "x", "backbone": True, "formats": ["py"]},
        ["--params", "x", "--backbone", "--format", "py"],
        ["--backbone"],
    ),
    (
        {"params": "x", "reference": "r.npz", "sizes": ((9, 9),)},
        ["--params", "x", "--reference", "r.npz", "--size", "9x9"],
        ["--size"],
    ),
    (
        {"params": "x", "save_reference": "r.npz", "reference": "none"},
        ["--params", "x", "--save-reference", "r.npz", "--reference", "none"],
        ["--save-reference", "--reference"],
    ),
    (
        {"params": "x", "save_reference": "r.txt"},
        ["--params", "x", "--save-reference", "r.txt"],
        ["--save-reference"],
    ),
    (
        {"params": "x", "prove": ["training"], "reference": "graph"},
        ["--params", "x", "--prove", "training", "--reference", "graph"],
        ["--prove", "--reference"],
    ),
    ({"symbol": "s"}, ["--symbol", "s"], ["--symbol", "--params"]),
    (
        {"params": "x", "dequantize": True},
        ["--params", "x", "--dequantize"],
        ["--dequantize", "--symbol"],
    ),
    (
        {"symbol": "s", "params": "x", "model": "resnet18_v1b"},
        ["--symbol", "s", "--params", "x", "resnet18_v1b"],
        ["--symbol", "MODEL"],
    ),
    (
        {"symbol": "s", "params": "x", "reference": "graph"},
        ["--symbol", "s", "--params", "x", "--reference", "graph"],
        ["--reference", "--save-reference"],
    ),
    (
        {"params": "x", "inputs": {"data": ((1, 3), "float32")}},
        ["--params", "x", "--input", "data=1,3"],
        ["--input", "--symbol"],
    ),
    (
        {"model": "resnet18_v1b", "outputs": ("x",)},
        ["resnet18_v1b", "--output", "x"],
        ["--output", "--symbol"],
    ),
    (
        {"symbol": "s", "params": "x", "inputs": {"data": ((1, 3), "int32")}, "sizes": ((9, 9),)},
        ["--symbol", "s", "--params", "x", "--input", "data=1,3:int32", "--size", "9x9"],
        ["--input", "--size"],
    ),
    (
        {"model": "vgg16", "init": "random", "sizes": ((9, 9),)},
        ["vgg16", "--init", "random", "--size", "9x9"],
        ["--size", "--input"],
    ),
    (
        {"model": "resnet18_v1b", "nms_topk": 5},
        ["resnet18_v1b", "--topk", "5"],
        ["--nms-thresh", "--topk", "--nms", "MODEL"],
    ),
    (
        {"model": "resnet18_v1b", "allow_nonfinite": True},
        ["resnet18_v1b", "--allow-nonfinite"],
        ["--allow-nonfinite", "--reference"],
    ),
]


@pytest.mark.parametrize("number", range(len(RULES)))
def test_each_rule_refuses_in_python_and_on_the_command_line(number: int) -> None:
    fields, words, named = CASES[number]
    _, template = RULES[number]
    with pytest.raises(RequestError) as caught:
        Request(**fields)
    assert caught.value.template == template
    assert "--" not in str(caught.value)
    done = CliRunner().invoke(main, ["convert", *words])
    assert done.exit_code == 2
    message = " ".join(done.output.split())
    assert caught.value.message(lambda name: name) == str(caught.value)
    for option in named:
        assert option in message
    assert "{" not in message


def test_every_rule_has_a_case() -> None:
    assert len(CASES) == len(RULES)


def test_a_request_that_is_right_is_taken() -> None:
    request = Request(params="x", save_reference="a/r.npz", report="b", out="c", sizes=((3, 4),))
    assert [str(folder) for folder in request.folders()] == ["c", "b", "a"]
    assert not request.saved_reference
    Request(symbol="s", params="x", reference="none", sizes=((3, 4),), seed=3, out="o")
    Request(model="resnet18_v1b", layout="timm-folder")
    Request(model="resnet18_v1b", init="random", layout="timm", formats=["onnx", "pth"])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"init": "magic"}, "init is 'magic'; it must be one of pretrained, random"),
        ({"dtype": "int8"}, "dtype is 'int8'"),
        ({"layout": "keras"}, "layout is 'keras'"),
        ({"formats": []}, "formats is empty"),
        ({"formats": ["pb"]}, "formats is 'pb'"),
        ({"reference": "caffe"}, "reference is 'caffe'"),
        (
            {"symbol": "s", "params": "x", "dtype": "float32"},
            "dtype applies to catalogue networks",
        ),
        (
            {"symbol": "s", "params": "x", "labels": "l"},
            "labels applies to catalogue networks",
        ),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Request(**fields)


def test_python_callers_share_the_checks() -> None:
    with pytest.raises(RequestError, match="params and init are both sources of the weights"):
        convert("resnet18_v1b", params="x", init="pretrained")
    with pytest.raises(ValueError, match="reference is 'magic'"):
        convert_graph("s", "x", reference="magic")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"formats": "pth"}, r"formats is 'pth'; it must be a list, such as \['pth'\]"),
        ({"prove": "training"}, r"prove is 'training'; it must be a list"),
        ({"sizes": "32x32"}, r"sizes is '32x32'; it must be a list"),
        ({"sizes": (32, 32)}, r"sizes: 32 is not a height and a width, such as \(224, 224\)"),
        ({"sizes": [(32,)]}, r"sizes: \(32,\) is not a height and a width"),
        ({"sizes": [(0, 32)]}, r"sizes: \(0, 32\) is not a height and a width"),
        ({"sizes": ["32x32"]}, r"sizes: '32x32' is not a height and a width"),
        ({"seed": -1}, "seed is -1; it must be a whole number, at least 0"),
    ],
)
def test_slips_of_python_callers_are_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        convert("cifar_resnet20_v1", init="random", **fields)


def test_one_output_is_given_in_a_list() -> None:
    message = r"outputs is 'pool0_fwd'; it must be a list, such as \['pool0_fwd'\]"
    with pytest.raises(ValueError, match=message):
        convert_zoo("mobilenet0.25", init="random", outputs="pool0_fwd")
    with pytest.raises(ValueError, match=message):
        convert_graph("s", "x", outputs="pool0_fwd")


def test_formats_of_graphs_are_for_graphs() -> None:
    for fields in ({"model": "vgg16"}, {"symbol": "s", "params": "x"}, {"params": "x"}):
        assert Request(**fields, formats=["pt2", "onnx"]).formats == ["pt2", "onnx"]
    with pytest.raises(ValueError, match="formats is 'pt2'; it must be one of pth, safetensors"):
        Request(model="resnet18_v1b", formats=["pt2"])
