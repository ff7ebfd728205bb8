"""Does the converted network train as Gluon's does? Gradients, running statistics, SGD."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..mapping.assignment import Assignment
from ..sources.arrays import Array
from ..weights.converted import Converted
from .gluon_autograd import GluonTrainer
from .result import TrainingCheck, TrainingParity
from .torch_autograd import TorchTrainer


@dataclass(frozen=True)
class Settings:
    """How networks are trained and compared in one data type.

    Attributes:
        limit: Allowed difference, relative to the largest value of each array.
        images: Images in a batch.
        batches: Batches whose gradients are compared; the median difference of each array counts.
        learning_rate, weight_decay: Of SGD. Powers of 2, since MXNet's optimizers keep them in
            float32. Their product moves every array by much more than the limit.
    """

    limit: float
    images: int
    batches: int
    learning_rate: float
    weight_decay: float


SETTINGS = {
    # Some norms see one value of each image: with few images, they are ill conditioned. Random
    # networks of 269 layers have large gradients: with larger steps, differences of one are
    # multiplied in the next.
    "float64": Settings(1e-10, 8, 1, 2.0**-24, 0.5),
    # For GluonCV's networks with GroupNorm. Values near 0 can differ in sign, and with them all
    # that a ReLU passes back: of 60 images of half the usual height and width, this changed the
    # gradients of 3, by up to 17 %; all others agreed to 6e-6. So that such an image does not
    # matter in the steps of SGD either, decay is their larger part.
    "float32": Settings(1e-4, 1, 5, 2.0**-22, 2.0**19),
}
STEPS, MOMENTUM = 3, 0.875
# A bias or a scale that a norm behind its layer cancels has no influence in train mode: its
# gradient is a sum that vanishes, and all that is computed is rounding. So it is compared relative
# to this part of the sum of its terms. Other gradients are larger than that.
VANISHING = 1e-3


def measure_training(
    converted: Converted, size: tuple[int, int], *, imperative: bool = False, seed: int = 0
) -> TrainingParity:
    """Train both networks on the same random images, and compare.

    The loss is Σ logits · weights with random weights, without dropout. Compared are: in eval and
    in train mode, the gradients with respect to the images and to every array that Gluon trains,
    on one batch in float64 and, in float32, by the median of five; the running statistics after
    these backward passes; every array after three steps of SGD with momentum and weight decay.
    What Gluon does not train must be fixed in the converted network.

    Args:
        converted: The converted network; its tensors are not changed.
        size: Height and width of the images, in pixels; in float32, half of it is used.
        imperative: GluonCV's network runs neither as a graph nor in float64, and has no gradients
            in eval mode.
        seed: Seed of the images and of the loss.

    Raises:
        MissingDependencyError: MXNet is not installed.
    """
    dtype = "float32" if imperative else "float64"
    settings = SETTINGS[dtype]
    entry, classes = converted.fit.entry, converted.fit.num_classes or 1
    if imperative:
        size = -(-size[0] // 2), -(-size[1] // 2)
    rng = np.random.default_rng(seed)
    batches = [
        (
            rng.standard_normal((settings.images, converted.fit.in_chans, *size)).astype(dtype),
            rng.standard_normal((settings.images, classes)).astype(dtype),
        )
        for _ in range(settings.batches)
    ]
    gluon = GluonTrainer(
        entry.name, converted.reference_arrays(), classes, dtype, imperative=imperative
    )
    ours = TorchTrainer(converted, dtype)
    checks: list[TrainingCheck] = []
    modes = {"eval": False, "train": True}
    if imperative:
        del modes["eval"]
    for mode, train in modes.items():
        differences: list[dict[str, float]] = []
        for images, weights in batches:
            expected = gluon.gradients(images, weights, train=train)
            actual, image_gradient, terms = ours.gradients(images, weights, train=train)
            found = {"images": _relative(image_gradient, expected.images)}
            found |= _compare(converted.fit.assignments, actual, expected.arrays, terms)
            differences.append(found)
        checks.append(_check(f"gradients, {mode} mode", dtype, _medians(differences)))
    statistics = [each for each in converted.fit.assignments if "running_" in each.source]
    if statistics:  # GroupNorm has none
        found = _compare(statistics, ours.tensors(), gluon.arrays(), {})
        checks.append(_check("running statistics", dtype, found))
    sgd = STEPS, settings.learning_rate, MOMENTUM, settings.weight_decay
    images, weights = batches[0]
    gluon.train(images, weights, *sgd)
    ours.train(images, weights, *sgd)
    # the file's value of a fixed gamma is used by neither of the two
    used = [each for each in converted.fit.assignments if not each.fill_ones]
    found = _compare(used, ours.tensors(), gluon.arrays(), {})
    checks.append(_check(f"{STEPS} steps of SGD", dtype, found))
    return TrainingParity(all(check.passed for check in checks), tuple(checks))


def _medians(differences: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median difference of each array over all batches; NaN if one is NaN."""
    return {name: float(np.median([each[name] for each in differences])) for name in differences[0]}


def _compare(
    assignments: Sequence[Assignment],
    actual: Mapping[str, Array],
    expected: Mapping[str, Array],
    terms: Mapping[str, float],
) -> dict[str, float]:
    """Relative differences by our names; infinite where only one of the two has an array.

    Args:
        actual: By our names; expected: by Gluon's structural names.
        terms: Σ |terms| of the gradients that may vanish, by our names.
    """
    found: dict[str, float] = {}
    for each in assignments:
        one, other = actual.get(each.target), expected.get(each.source)
        if one is None and other is None:
            continue
        if one is None or other is None:
            found[each.target] = float("inf")
        else:
            floor = VANISHING * terms.get(each.target, 0.0)
            found[each.target] = _relative(one, other.reshape(one.shape), floor)
    return found


def _relative(actual: Array, expected: Array, floor: float = 0.0) -> float:
    with np.errstate(invalid="ignore", over="ignore"):
        difference = float(np.abs(actual - expected).max())
        scale = max(float(np.abs(expected).max()), floor)
    return difference / scale if scale else (0.0 if difference == 0.0 else float("inf"))


def _check(what: str, dtype: str, found: Mapping[str, float]) -> TrainingCheck:
    array, worst = max(found.items(), key=lambda item: np.nan_to_num(item[1], nan=np.inf))
    return TrainingCheck(what, dtype, array, worst, SETTINGS[dtype].limit)
