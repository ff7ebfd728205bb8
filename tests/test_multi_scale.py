"""Segmentation at several scales and mirrored, against GluonCV's MultiEvalModel."""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

from gluon2torch.checkpoints.program import Program
from gluon2torch.cli import main
from gluon2torch.errors import CheckpointError
from gluon2torch.graph.inputs.image_sizes import for_inputs
from gluon2torch.inference.task_validation import validate_task
from gluon2torch.inference.tasks.multi_scale import MultiScale
from gluon2torch.inference.tasks.task_options import TaskOptions
from gluon2torch.sources.mxnet_compat import import_mxnet

from . import test_segmentation_folders
from .test_segmentation_pose_validation import random_program, with_streets

MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
CROP, CLASSES = 24, 5
SCALES = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)  # MultiEvalModel's


class Evaluated:
    """What MultiEvalModel needs of a network of GluonCV; it computes with torch."""

    def __init__(self, run: Any, base: int, crop: int) -> None:
        self._run, self.base_size, self.crop_size = run, base, crop

    def collect_params(self) -> Any:
        return import_mxnet().gluon.ParameterDict()

    def evaluate(self, pixels: Any) -> Any:
        logits = self._run(torch.from_numpy(pixels.asnumpy()))
        return import_mxnet().nd.array(logits.numpy())


def gluons(run: Any, classes: int, rule: MultiScale) -> Any:
    mxnet = import_mxnet()
    from gluoncv.model_zoo.segbase import MultiEvalModel

    network = Evaluated(run, rule.base, rule.crop)
    return MultiEvalModel(network, classes, [mxnet.cpu()], flip=rule.flip, scales=rule.scales)


@pytest.mark.mxnet
@pytest.mark.parametrize(
    ("size", "flip"), [((30, 47), True), ((41, 29), False), ((7, 60), True), ((24, 24), True)]
)
def test_scores_are_multi_eval_models(size: tuple[int, int], flip: bool) -> None:
    torch.manual_seed(0)
    layers = nn.Sequential(
        nn.Conv2d(3, CLASSES, 5, 2, 2), nn.Tanh(), nn.Upsample(CROP, mode="bilinear")
    ).requires_grad_(False)
    # a network whose results depend on the place in the crop
    place = torch.linspace(0, 3, CROP * CROP).reshape(CROP, CROP)

    def run(pixels: torch.Tensor) -> torch.Tensor:
        assert pixels.shape == (1, 3, CROP, CROP)
        scores: torch.Tensor = layers(pixels) * place
        return scores

    pixels, rule = torch.randn(1, 3, *size), MultiScale(SCALES, flip, 29, CROP)
    expected = gluons(run, CLASSES, rule)(import_mxnet().nd.array(pixels[0].numpy())).asnumpy()
    found = rule.scores(run, pixels, -MEAN / STD).numpy()
    assert found.shape == (1, CLASSES, *size)
    np.testing.assert_allclose(found, expected, rtol=2e-5)
    assert (found.argmax(1) == expected.argmax(1)).mean() > 0.999


def program_of(name: str, height: int, width: int) -> Program:
    program, inputs = random_program(name), {"data": (1, 3, height, width)}
    return replace(program, inputs=inputs, graph=for_inputs(program.graph, program.inputs, inputs))


def gluons_metric(root: Path, program: Program, rule: MultiScale) -> list[float]:
    mxnet = import_mxnet()
    from gluoncv import data
    from gluoncv.utils.metrics.segmentation import SegmentationMetric
    from mxnet.gluon.data.vision import transforms

    transform = transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize(MEAN.tolist(), STD.tolist())]
    )
    with contextlib.redirect_stdout(io.StringIO()):
        dataset = data.CitySegmentation(str(root), "val", mode="testval", transform=transform)
    module, metric = program.module(), SegmentationMetric(dataset.num_class)
    model = gluons(lambda pixels: module(pixels)[0].detach(), dataset.num_class, rule)
    for image, mask in dataset:
        metric.update([mask.expand_dims(0)], [model(mxnet.nd.array(image.asnumpy()))])
    return [100 * float(value) for value in metric.get()]


@pytest.mark.mxnet
def test_metrics_at_several_scales_are_gluoncvs(tmp_path: Path) -> None:
    test_segmentation_folders.write_folder(tmp_path, "cityscapes")
    with_streets(tmp_path)
    program, rule = program_of("fastscnn_citys", 64, 64), MultiScale((0.5, 1.0), True, 96, 64)
    options = TaskOptions(scales=rule.scales, flip=True, base_size=96)
    done, whole = (validate_task(program, tmp_path, each) for each in (options, None))
    assert done is not None
    assert whole is not None
    found = done.as_dict()
    expected = gluons_metric(tmp_path, program, rule)
    assert list(found["metrics"].values()) == pytest.approx(expected)
    assert found["metrics"] != whole.as_dict()["metrics"]
    assert found["notes"] == ["at the scales 0.5, 1 of 96 pixels, in crops of 64x64, and mirrored"]


def test_crops_are_square(tmp_path: Path) -> None:
    test_segmentation_folders.write_folder(tmp_path, "cityscapes")
    program = program_of("fastscnn_citys", 64, 96)
    with pytest.raises(CheckpointError, match=r"written for images of 64x96.*768,768"):
        validate_task(program, tmp_path, TaskOptions(scales=(1.0,)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--flip"], "--flip needs --scales."),
        (["--base-size", "520"], "--base-size needs --scales."),
        (["--scales", "1,0"], "'1,0': all must be above 0 and at most 8"),
        (["--scales", "1,big"], "'1,big' is not a list of numbers, such as 0.5,1,1.5"),
        (["--scales", "1"], "--scales is for .pt2 files."),
    ],
)
def test_scales_without_effect_are_refused(options: list[str], message: str) -> None:
    result = CliRunner().invoke(main, ["validate", "a.pth", "data", *options])
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
