"""Places of a camera, by its motions between frames."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from ..sources.arrays import Array

_TINY = 1e-7  # added to an angle, as in GluonCV, so that the axis of no rotation is finite


def motion_matrix(axis_angle: Array, translation: Array) -> Array:
    """The matrix of a camera's motion, as GluonCV's transformation_from_parameters computes it.

    Args:
        axis_angle: Axis of the rotation (3,), whose length is the angle in radians.
        translation: (3,).

    Returns:
        (4, 4), float64. It maps points in the camera's coordinates in the first of two frames to
        those in the second: X to the right, y down, z forward.
    """
    values = np.asarray(axis_angle, np.float64)
    angle = float(np.linalg.norm(values))
    x, y, z = values / (angle + _TINY)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    cosine, axis = math.cos(angle), np.array([x, y, z])
    matrix = np.eye(4)
    matrix[:3, :3] = np.outer(axis, axis) * (1 - cosine) + np.eye(3) * cosine
    matrix[:3, :3] += cross * math.sin(angle)
    matrix[:3, 3] = translation
    return matrix


def camera_poses(motions: Iterable[Array]) -> Array:
    """Places and directions of a camera, in its coordinates in the first frame.

    Args:
        motions: Of each frame to the next, as of motion_matrix.

    Returns:
        (frames, 4, 4): matrices that map points in the camera's coordinates to those of the first
        frame, which is that of the identity.
    """
    poses = [np.eye(4)]
    for motion in motions:
        poses.append(poses[-1] @ np.linalg.inv(motion))
    return np.stack(poses)
