"""Tracking with SiamRPN, frame by frame, against GluonCV's tracker; and the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from gluon2torch import convert_zoo
from gluon2torch.cli import main
from gluon2torch.errors import ImageError
from gluon2torch.inference.images.object_windows import cut_window
from gluon2torch.inference.images.video_file import open_video
from gluon2torch.inference.runner import Setup
from gluon2torch.inference.tasks.object_tracker import ObjectTracker
from gluon2torch.inference.tasks.task_network import TaskNetwork
from gluon2torch.inference.tasks.task_options import TaskOptions
from gluon2torch.inference.tasks.task_predictor import TaskPredictor
from gluon2torch.sources.mxnet_compat import import_mxnet

from .images import noise, smooth
from .zoo_program import random_program

SIAMRPN = "siamrpn_alexnet_v2_otb15"
BOX = (52.0, 31.0, 24.0, 30.0)


def write_frames(folder: Path, count: int = 6) -> Path:
    """A bright square that moves over a smooth background, and leaves it in part."""
    folder.mkdir()
    for number in range(count):
        pixels = smooth(120, 150)
        left, top = 52 + 18 * number, 31 + 9 * number
        pixels[top : top + 30, left : left + 24] = noise(30, 24, 5)[: 120 - top, : 150 - left]
        Image.fromarray(pixels).save(folder / f"{number:03}.png")
    return folder


class Network:
    """What GluonCV's tracker needs of its network; it computes with torch."""

    def __init__(self, network: TaskNetwork) -> None:
        self._network, self._template = network, torch.zeros(())
        self.windows: list[Any] = []

    def template(self, pixels: Any) -> None:
        self._template = torch.from_numpy(pixels.asnumpy())
        self.windows.append(pixels.asnumpy())

    def track(self, pixels: Any) -> dict[str, Any]:
        self.windows.append(pixels.asnumpy())
        array = import_mxnet().nd.array
        inputs = {"template": self._template, "search": torch.from_numpy(pixels.asnumpy())}
        logits, offsets = self._network.run(inputs, "frame")
        return {"cls": array(logits), "loc": array(offsets)}


@pytest.mark.mxnet
@pytest.mark.parametrize("box", [BOX, (-20.0, 100.0, 60.0, 33.0)])
def test_every_step_is_gluoncvs(
    box: tuple[float, float, float, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mxnet = import_mxnet()
    from gluoncv.model_zoo.siamrpn.siamrpn_tracker import SiamRPNTracker

    network = TaskNetwork(random_program(SIAMRPN), Setup(torch.device("cpu")))
    video = open_video(write_frames(tmp_path / "video"))
    windows = []

    def run(inputs: Any, image: str) -> Any:
        """The network's results, in the range of a trained network's."""
        windows.append([inputs[name].numpy() for name in ("template", "search")])
        logits, offsets = TaskNetwork.run(network, inputs, image)
        return logits / logits.std() * 3, offsets / offsets.std() / 4

    monkeypatch.setattr(network, "run", run)
    found = ObjectTracker(network, TaskOptions(box=box)).track(video, "video")
    theirs = Network(network)
    tracker = SiamRPNTracker(theirs)
    assert found[0] == (box, None)
    frames = [np.ascontiguousarray(video.frames([n])[n][:, :, ::-1]) for n in range(video.count)]
    tracker.init(frames[0], box, mxnet.cpu())
    for number, frame in enumerate(frames[1:], 1):
        expected = tracker.track(frame, mxnet.cpu())
        np.testing.assert_allclose(found[number][0], expected["bbox"], rtol=1e-5, atol=1e-4)
        assert found[number][1] == pytest.approx(float(expected["best_score"]), rel=1e-5)
        template, search = windows[number - 1]
        assert np.array_equal(template, theirs.windows[0])
        assert np.array_equal(search, theirs.windows[number])
    assert len({row[0] for row in found}) == len(found)


@pytest.mark.mxnet
def test_windows_are_gluoncvs_bit_for_bit() -> None:
    mxnet = import_mxnet()
    from gluoncv.model_zoo.siamrpn.siamrpn_tracker import SiamRPNTracker

    tracker, random = SiamRPNTracker(None), np.random.default_rng(0)
    for number in range(40):
        height, width = random.integers(8, 90, 2)
        frame = noise(int(height), int(width), number)
        centre = float(random.uniform(0, width)), float(random.uniform(0, height))
        side, target = int(random.integers(1, 140)), int(random.choice([16, 33]))
        side = target if number % 8 == 0 else side
        fill = frame.mean(axis=(0, 1))
        expected = tracker.get_subwindow(
            np.ascontiguousarray(frame[:, :, ::-1]), centre, target, side, fill[::-1], mxnet.cpu()
        )
        found = cut_window(frame, centre, side, target, fill)
        assert np.array_equal(found.numpy(), expected.asnumpy()), number


def test_a_box_outside_and_a_missing_one(tmp_path: Path) -> None:
    program, video = random_program(SIAMRPN), write_frames(tmp_path / "video", 2)
    predictor = TaskPredictor(program, TaskOptions(box=(150.0, 0.0, 9.0, 9.0)))
    with pytest.raises(ImageError, match=r"box 150,0,9,9 is not in the first frame.*150×120"):
        predictor(video)
    predictor = TaskPredictor(program, TaskOptions(box=(0.0, 0.0, 1e5, 9.0)))
    with pytest.raises(
        ImageError, match=r"100000×9 pixels, more than the first frame with 150×120"
    ):
        predictor(video)
    predictor = TaskPredictor(program, TaskOptions(box=(0.4, 0.4, 0.1, 0.1)))
    with pytest.raises(ImageError, match=r"the box has 0\.1×0\.1 pixels, less than one"):
        predictor(video)
    with pytest.raises(ValueError, match=r"the object's box in the first frame: TaskOptions\.box"):
        TaskPredictor(program)


@pytest.mark.costly
def test_the_command_writes_boxes_and_frames(tmp_path: Path) -> None:
    file = convert_zoo(SIAMRPN, init="random", out=tmp_path / "w", reference="none").file
    video, drawn = write_frames(tmp_path / "dog", 3), tmp_path / "drawn"
    line = ["predict", file, str(video), "-o", str(drawn), "--json", str(tmp_path / "found.json")]
    result = CliRunner().invoke(main, [*line, "--box", "52,31,24,30"])
    assert result.exit_code == 0, result.output
    assert "3 frames; left, top, width, height in the last: " in result.stdout
    (row,) = json.loads((tmp_path / "found.json").read_text())
    assert [box["frame"] for box in row["boxes"]] == [0, 1, 2]
    assert row["boxes"][0] == {"frame": 0, "bbox": list(BOX), "score": None}
    assert 0 <= row["boxes"][2]["score"] <= 1
    names = [f"dog-{number}-track.png" for number in range(3)]
    assert sorted(path.name for path in drawn.iterdir()) == names
    for options, message in (
        ([], f"{SIAMRPN} needs --box, of the object in the first frame."),
        (["--box", "1,2,3"], "'1,2,3' is not a box; write left, top, width and height in pixels"),
        (["--box", "1,2,0,3"], "'1,2,0,3': width and height must be above 0"),
        (["--box", "1,2,3,4", "more"], "--box is of one video: give one."),
    ):
        result = CliRunner().invoke(main, [*line, *options])
        assert result.exit_code == 2
        assert message in " ".join(result.stderr.replace("│", "").split())
