"""Files of detectors that find nothing in noise are checked on inputs in which they do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import fx, nn

from gluon2torch.checkpoints.formats.job import GraphJob
from gluon2torch.checkpoints.formats.module_check import check_equal
from gluon2torch.errors import CheckpointError
from gluon2torch.graph.inputs.free_dimensions import Free
from gluon2torch.graph.inputs.input_spec import InputSpec, in_dtype, random_inputs
from gluon2torch.parity.head_measurement import run
from gluon2torch.parity.varied_inputs import uniform, varied
from gluon2torch.sources.arrays import Array, Arrays

SPECS = {"data": InputSpec((2, 3, 8, 8))}


class Detector(nn.Module):
    """Scores, or -1 where they are below a threshold."""

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.threshold = threshold

    def forward(self, data: torch.Tensor) -> torch.Tensor:
        scores = data.mean(1)
        return torch.where(scores > self.threshold, scores, -1.0)


def job(threshold: float, folder: Path) -> GraphJob:
    module = fx.symbolic_trace(Detector(threshold))
    return GraphJob({}, folder, "net", module, SPECS, ("out",), Free(batch=True), "", "")


def test_noise_is_made_stronger_until_something_is_found() -> None:
    assert varied(Detector(0), SPECS)["data"].scale == 1
    found = varied(Detector(5), SPECS)
    assert found == {"data": replace(SPECS["data"], scale=8)}
    values = random_inputs(found, np.random.default_rng(0))["data"]
    assert 7 < values.std() < 9
    assert not uniform(run(Detector(5), in_dtype({"data": values}, "float32")))
    assert varied(Detector(1e9), SPECS) == SPECS
    counts = {"data": replace(SPECS["data"], counts=True, scale=8)}
    assert random_inputs(counts, np.random.default_rng(0))["data"].max() < 10


def test_outputs_that_overflow_in_strong_noise_are_not_compared() -> None:
    class Overflowing(Detector):
        def forward(self, data: torch.Tensor) -> torch.Tensor:
            return super().forward(data) * (1e38 * 10)

    assert varied(Overflowing(5), SPECS) == SPECS


def test_a_file_that_differs_only_where_something_is_found_is_refused(tmp_path: Path) -> None:
    given = job(5, tmp_path)

    def wrong(inputs: Arrays) -> list[Array]:
        (scores,) = run(given.module, inputs)
        return [np.where(scores > 0, scores * np.float32(1.01), scores)]

    check_equal(given, lambda inputs: run(given.module, inputs), "the program")
    with pytest.raises(CheckpointError, match="the program differs from the module by 1.0e-02"):
        check_equal(given, wrong, "the program")


def test_values_before_the_threshold_are_compared_if_nothing_is_found(tmp_path: Path) -> None:
    given = job(1e9, tmp_path)
    with pytest.raises(CheckpointError, match="the program differs from the module by 5.0e-01"):
        check_equal(given, lambda inputs: run(given.module, inputs), "the program", lambda _: 0.5)
