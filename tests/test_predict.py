"""predict, on the real, trained networks and the real images."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gluon2torch.checkpoints.checkpoint import open_checkpoint
from gluon2torch.errors import ImageError
from gluon2torch.inference.prediction import Predictor, predict
from gluon2torch.models import create_model
from gluon2torch.sources.mxnet_compat import import_mxnet

from .conftest import DATA
from .images import SHEET, TRAINED, encode, noise, run

ROOT = Path(__file__).resolve().parents[1]


def mxnet_probabilities(which: str, paths: list[str]) -> Any:
    """What GluonCV's network says of the same images, by MXNet's own reading and transform."""
    mxnet = import_mxnet()
    import gluoncv
    from mxnet.gluon.data.vision import transforms

    file = str(DATA / "params" / TRAINED[which])
    if which == "structural":
        net = gluoncv.model_zoo.get_model("cifar_resnet20_v1")
        net.load_parameters(file)
    else:
        net = mxnet.gluon.SymbolBlock.imports(
            file.replace("0000.params", "symbol.json"), ["data"], file
        )
    transform = transforms.Compose(
        [
            transforms.Resize(32, keep_ratio=True),
            transforms.CenterCrop(32),
            transforms.ToTensor(),
            transforms.Normalize((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
        ]
    )
    images = mxnet.nd.stack(*(transform(mxnet.image.imread(path)) for path in paths))
    return net(images).softmax().asnumpy()


@pytest.mark.mxnet
@pytest.mark.filterwarnings("ignore:Cannot decide type:UserWarning")  # MXNet's, of any symbol
@pytest.mark.parametrize(("which", "right"), [("structural", 95), ("export", 90)])
def test_every_prediction_is_mxnets(which: str, right: int, trained: Callable[[str], Path]) -> None:
    result = run("predict", trained(which), SHEET, "--topk", 10, "--device", "cpu", "--json", "-")
    assert result.exit_code == 0, result.output
    rows = json.loads(result.output)
    assert len(rows) == 100
    names = [Path(row["image"]).parent.name for row in rows]
    assert (
        sum(row["top"][0]["label"] == name for row, name in zip(rows, names, strict=True)) == right
    )
    assert all(
        name in [g["label"] for g in row["top"][:5]] for row, name in zip(rows, names, strict=True)
    )
    theirs = mxnet_probabilities(which, [row["image"] for row in rows])
    ours = np.empty_like(theirs)
    for number, row in enumerate(rows):
        for guess in row["top"]:
            ours[number, guess["index"]] = guess["probability"]
    assert np.array_equal(ours.argmax(1), theirs.argmax(1))
    assert np.abs(ours - theirs).max() < 1e-5


def test_lines_for_people_and_bytes_from_a_pipe(trained: Callable[[str], Path]) -> None:
    image = SHEET / "cat" / "00.png"
    result = run("predict", trained("structural"), image, "--topk", 2, "--device", "cpu")
    assert result.output.splitlines() == [str(image), "   99.3%  cat", "    0.6%  dog"]
    piped = run("predict", trained("structural"), "-", "--json", "-", input=image.read_bytes())
    (row,) = json.loads(piped.output)
    assert row["image"] == "<stdin>"
    assert row["top"][0]["label"] == "cat"
    assert row["top"][0]["index"] == 3
    assert sum(guess["probability"] for guess in row["top"]) == pytest.approx(1, abs=1e-4)


def test_a_missing_path_and_an_empty_folder_stop_no_other(untrained: Path, tmp_path: Path) -> None:
    image, empty = tmp_path / "a.png", tmp_path / "empty"
    image.write_bytes(encode(Image.fromarray(noise(40, 50)), "PNG"))
    empty.mkdir()
    result = run("predict", untrained, tmp_path / "no.png", image, empty, "--topk", 1)
    assert result.exit_code == 1
    assert f"{image}\n" in result.stdout
    missing, no_images = result.stderr.splitlines()
    assert missing == f"Error: {tmp_path / 'no.png'}: cannot be read (No such file or directory)"
    assert no_images.startswith(f"Error: {empty}: has no images (.avif, .bmp, ")
    result = run("predict", untrained, "-", input=b"text")
    assert result.stderr == (
        "Error: <stdin>: is not a valid image (Pillow does not recognise its format)\n"
    )


def test_a_broken_image_stops_no_other(untrained: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"broken")
    (tmp_path / "b.png").write_bytes(encode(Image.fromarray(noise(40, 50)), "PNG"))
    result = run("predict", untrained, tmp_path, "--json", tmp_path / "out.json")
    assert result.exit_code == 1
    assert f"Error: {tmp_path / 'a.png'}: is not a valid image" in result.output
    broken, sound = json.loads((tmp_path / "out.json").read_text())
    assert "is not a valid image" in broken["error"]
    assert [guess["index"] for guess in sound["top"]] == list(
        dict.fromkeys(guess["index"] for guess in sound["top"])
    )
    assert len(sound["top"]) == 5
    with pytest.raises(ImageError, match=r"a\.png"):
        predict(untrained, [tmp_path])


def test_the_classes_names_are_those_given(untrained: Path, tmp_path: Path) -> None:
    image = tmp_path / "a.png"
    image.write_bytes(encode(Image.fromarray(noise(32, 32)), "PNG"))
    names = tmp_path / "names.txt"
    names.write_text("\n".join(f"id{n}\tname {n}" for n in range(10)))
    (row,) = json.loads(run("predict", untrained, image, "--labels", names, "--json", "-").output)
    assert all(guess["label"] == f"name {guess['index']}" for guess in row["top"])
    names.write_text("one\ntwo\n")
    result = run("predict", untrained, image, "--labels", names)
    assert result.exit_code == 1
    assert "has 10 classes, but 2 class names were given" in result.output
    untrained.with_suffix(".json").unlink()
    assert "name the network with `--model`" in run("predict", untrained, image).output
    result = run("predict", untrained, image, "--model", "cifar_resnet20_v1", "--json", "-")
    assert [set(guess) for guess in json.loads(result.output)[0]["top"]] == [
        {"label", "index", "probability"}
    ] * 5


def test_the_preset_and_the_precision_are_used(untrained: Path, tmp_path: Path) -> None:
    image = tmp_path / "a.png"
    image.write_bytes(encode(Image.fromarray(noise(70, 90)), "PNG"))
    opened = open_checkpoint(untrained)
    gluon, timm = (Predictor(opened, preset=each)(image) for each in ("gluon", "timm"))
    assert gluon.top[0].probability != timm.top[0].probability
    half = run("predict", untrained, image, "--amp", "--device", "cpu", "--json", "-")
    near = json.loads(half.output)[0]["top"][0]["probability"]
    assert 0 < abs(near - gluon.top[0].probability) < 0.05
    last = run("predict", untrained, image, "--channels-last", "--device", "cpu", "--json", "-")
    same = json.loads(last.output)[0]["top"][0]["probability"]
    assert same == pytest.approx(gluon.top[0].probability, rel=1e-5)


def test_weights_of_other_precisions_answer(untrained: Path, tmp_path: Path) -> None:
    image = tmp_path / "a.png"
    image.write_bytes(encode(Image.fromarray(noise(32, 32)), "PNG"))
    state = torch.load(untrained, weights_only=True)
    tops = {}
    for dtype in (torch.float16, torch.float32, torch.float64):
        torch.save(
            {k: v.to(dtype) if v.is_floating_point() else v for k, v in state.items()}, untrained
        )
        tops[dtype] = predict(untrained, [image])[0].top[0]
    exact = tops[torch.float64].probability
    assert tops[torch.float32].probability == pytest.approx(exact, rel=1e-5)
    assert tops[torch.float16].probability == pytest.approx(exact, rel=1e-2)


@pytest.mark.parametrize(
    ("options", "classes", "channels", "message", "status"),
    [
        ([], 0, 3, "is a backbone without a classifier", 1),
        ([], 10, 1, "expects 1-channel images", 1),
        (["--device", "abacus"], 10, 3, "--device: device 'abacus' is not available", 2),
        (["--device", "cuda:99"], 10, 3, "--device: device 'cuda:99' is not available", 2),
        (["--topk", "0"], 10, 3, "0 is not in the range", 2),
    ],
)
def test_what_cannot_be_predicted_is_one_line(
    options: list[str], classes: int, channels: int, message: str, status: int, tmp_path: Path
) -> None:
    path, image = tmp_path / "net.pth", tmp_path / "a.png"
    image.write_bytes(encode(Image.fromarray(noise(32, 32)), "PNG"))
    network = create_model("cifar_resnet20_v1", num_classes=classes, in_chans=channels)
    torch.save(network.state_dict(), path)
    result = run("predict", path, image, "--model", "cifar_resnet20_v1", *options)
    assert result.exit_code == status
    assert message in result.output
    assert "Traceback" not in result.output


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from gluon2torch.cli import main;"
        "answers = [CliRunner().invoke(main, [verb, '--help']) for verb in main.commands];"
        "assert len(answers) > 9 and not any(each.exit_code for each in answers), answers;"
        "heavy = ('torch', 'numpy', 'mxnet', 'yaml', 'rich', 'PIL', 'matplotlib');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr
