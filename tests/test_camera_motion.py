"""A camera's motion by monodepth2's pose networks, against GluonCV's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gluon2torch.errors import ImageError
from gluon2torch.inference.camera_poses import camera_poses, motion_matrix
from gluon2torch.inference.tasks.task_predictor import TaskPredictor
from gluon2torch.sources.mxnet_compat import import_mxnet

from .images import smooth
from .zoo_program import random_program

POSENET = "monodepth2_resnet18_posenet_kitti_mono_640x192"


@pytest.mark.mxnet
def test_motions_are_gluoncvs() -> None:
    mxnet = import_mxnet()
    from gluoncv.model_zoo.monodepthv2.layers import transformation_from_parameters

    random = np.random.default_rng(0)
    turns, moves = (random.normal(0, size, (9, 1, 3)).astype(np.float32) for size in (1, 4))
    turns[0] = 0
    expected = transformation_from_parameters(*map(mxnet.nd.array, (turns, moves))).asnumpy()
    found = [motion_matrix(turn[0], move[0]) for turn, move in zip(turns, moves, strict=True)]
    np.testing.assert_allclose(found, expected, atol=2e-6)
    # a point ahead of the first camera is seen by the last one where all motions put it
    point = np.array([0.5, -0.25, 3.0, 1.0])
    seen = point
    for motion in found:
        seen = motion @ seen
    np.testing.assert_allclose(camera_poses(found)[-1] @ seen, point, atol=1e-9)


def test_a_camera_that_moves_ahead() -> None:
    # what is ahead comes nearer: points move back, by 2 in each frame
    ahead = [motion_matrix(np.zeros(3), np.array([0, 0, -2.0]))] * 3
    assert camera_poses(ahead)[:, :3, 3].tolist() == [[0, 0, 0], [0, 0, 2], [0, 0, 4], [0, 0, 6]]


def test_a_video_gives_motions_poses_and_a_path(tmp_path: Path) -> None:
    for number in range(3):
        Image.fromarray(smooth(48, 150, number)).save(tmp_path / f"{number}.png")
    program = random_program(POSENET)
    result = TaskPredictor(program)(tmp_path)
    frames = []
    for number in range(3):
        with Image.open(tmp_path / f"{number}.png") as image:
            resized = image.resize((640, 192), Image.Resampling.LANCZOS)
        frames.append(torch.from_numpy(np.array(resized)).permute(2, 0, 1)[None] / 255)
    for number, motion in enumerate(result.facts["motions"]):
        with torch.no_grad():
            turns, moves = program.module()(torch.cat(frames[number : number + 2], dim=1))
        np.testing.assert_allclose(motion["axis_angle"], turns[0, 0].reshape(3), rtol=1e-4)
        np.testing.assert_allclose(motion["translation"], moves[0, 0].reshape(3), rtol=1e-4)
    poses = np.array(result.facts["poses"]).reshape(3, 3, 4)
    assert np.array_equal(poses[0], np.eye(4)[:3])
    assert result.lines[0].startswith("3 frames; path of length ")
    picture = result.pictures["path"]()
    assert picture.shape == (480, 480, 3)
    assert (picture < 250).any(axis=2).mean() > 0.01
    for number in (1, 2):
        (tmp_path / f"{number}.png").unlink()
    with pytest.raises(ImageError, match="has one frame"):
        TaskPredictor(program)(tmp_path)
