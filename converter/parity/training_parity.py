"""Does the converted network train as Gluon's does? Gradients, running statistics, SGD."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from ..mapping.assignment import Assignment
from ..sources.arrays import Array, Arrays
from ..weights.converted import Converted
from .gluon_autograd import GluonTrainer
from .result import TrainingCheck, TrainingParity

# relative to the largest value of each array. float32 is for GluonCV's networks with GroupNorm
LIMITS = {"float64": 1e-10, "float32": 1e-4}
# Images in a batch, and batches. In float64, some norms see one value of each image, and few of
# them are ill conditioned. In float32, values near 0 can differ in sign, and with them all that a
# ReLU passes back: seldom in one image, and not in each of several; the smallest difference counts.
BATCH = {"float64": 8, "float32": 1}
BATCHES = {"float64": 1, "float32": 5}
STEPS = 3
# Exact in float32, which is what MXNet's optimizers keep them in. Random networks of 269 layers
# have large gradients: with larger steps, differences of one are multiplied in the next.
LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 2.0**-24, 0.875, 0.5
# A bias or a scale that a norm behind its layer cancels has no influence in train mode: its
# gradient is a sum that vanishes, and all that is computed is rounding. So it is compared relative
# to this part of the sum of its terms. Other gradients are larger than that.
VANISHING = 1e-3


def measure_training(
    converted: Converted, size: tuple[int, int], *, imperative: bool = False, seed: int = 0
) -> TrainingParity:
    """Train both networks on the same random images, and compare.

    The loss is Σ logits · weights with random weights, without dropout. Compared are: in eval and
    in train mode, the gradients with respect to the images and to every array that Gluon trains;
    the running statistics after a step in train mode; every array after three steps of SGD with
    momentum and weight decay. What Gluon does not train must be fixed in the converted network.

    Args:
        size: height and width of the images, in pixels.
        imperative: GluonCV's network runs neither as a graph nor in float64.

    Raises:
        MissingDependencyError: MXNet is not installed.
    """
    dtype = "float32" if imperative else "float64"
    entry, classes = converted.fit.entry, converted.fit.num_classes or 1
    rng = np.random.default_rng(seed)
    batches = [
        (
            rng.standard_normal((BATCH[dtype], converted.fit.in_chans, *size)).astype(dtype),
            rng.standard_normal((BATCH[dtype], classes)).astype(dtype),
        )
        for _ in range(BATCHES[dtype])
    ]
    gluon = GluonTrainer(
        entry.name, converted.reference_arrays(), classes, dtype, imperative=imperative
    )
    ours = _Trainer(converted, dtype)
    checks: list[TrainingCheck] = []
    modes = {"eval": False, "train": True}
    if imperative:  # GluonCV's GroupNorm has no gradients of its own in eval mode
        del modes["eval"]
    for mode, train in modes.items():
        found: dict[str, float] = {}
        for images, weights in batches:
            expected = gluon.gradients(images, weights, train=train)
            actual, image_gradient, terms = ours.gradients(images, weights, train=train)
            of_batch = {"images": _relative(image_gradient, expected.images)}
            of_batch |= _compare(converted.fit.assignments, actual, expected.arrays, terms)
            for array, each in of_batch.items():
                found[array] = float(np.minimum(each, found.get(array, np.inf)))
        checks.append(_check(f"gradients, {mode} mode", dtype, found))
    statistics = [each for each in converted.fit.assignments if "running_" in each.source]
    if statistics:  # GroupNorm has none
        found = _compare(statistics, ours.tensors(), gluon.arrays(), {})
        checks.append(_check("running statistics", dtype, found))
    images, weights = batches[0]
    gluon.train(images, weights, STEPS, LEARNING_RATE, MOMENTUM, WEIGHT_DECAY)
    ours.train(images, weights)
    # the file's value of a fixed gamma is used by neither of the two
    used = [each for each in converted.fit.assignments if not each.fill_ones]
    found = _compare(used, ours.tensors(), gluon.arrays(), {})
    checks.append(_check(f"{STEPS} steps of SGD", dtype, found))
    return TrainingParity(all(check.passed for check in checks), tuple(checks))


class _Trainer:
    """The converted network, with MXNet's running statistics, in memory of its own."""

    def __init__(self, converted: Converted, dtype: str) -> None:
        self._dtype: torch.dtype = getattr(torch, dtype)
        self._network = converted.network(gluon_batch_norm=True).to(self._dtype)
        copies = {name: each.clone() for name, each in self._network.state_dict().items()}
        self._network.load_state_dict(copies)
        for module in self._network.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0

    def tensors(self) -> Arrays:
        """The state_dict as arrays."""
        return {name: each.numpy() for name, each in self._network.state_dict().items()}

    def gradients(
        self, images: Array, weights: Array, *, train: bool
    ) -> tuple[Arrays, Array, dict[str, float]]:
        """The gradients by parameter, those of the images, and Σ |terms| of some."""
        self._network.train(train).zero_grad()
        inputs = torch.from_numpy(images).requires_grad_()
        with _gradient_terms(self._network) as terms:
            torch.autograd.backward(self._loss(inputs, weights))
        assert inputs.grad is not None
        gradients = {
            name: each.grad.numpy()
            for name, each in self._network.named_parameters()
            if each.grad is not None
        }
        return gradients, inputs.grad.numpy(), terms

    def train(self, images: Array, weights: Array) -> None:
        """Take the steps of SGD."""
        trained = [each for each in self._network.parameters() if each.requires_grad]
        optimizer = torch.optim.SGD(
            trained, lr=LEARNING_RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY
        )
        self._network.train()
        for _ in range(STEPS):
            optimizer.zero_grad()
            torch.autograd.backward(self._loss(torch.from_numpy(images), weights))
            optimizer.step()

    def _loss(self, images: torch.Tensor, weights: Array) -> torch.Tensor:
        logits: torch.Tensor = self._network(images)
        return (logits * torch.from_numpy(weights)).sum()


@contextmanager
def _gradient_terms(network: nn.Module) -> Iterator[dict[str, float]]:
    """Collect the largest Σ |terms| of the gradients that a norm behind their layer may cancel.

    These are the biases of convolutions and the biases and scales of norms. What a scale is
    multiplied with is of the order of 1, and left out.
    """
    terms: dict[str, float] = {}

    def watch(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, _inputs: Any, output: Any) -> None:
            def remember(gradient: torch.Tensor) -> None:
                total = float(gradient.abs().sum((0, 2, 3)).max())
                terms[f"{name}.bias"] = total
                if isinstance(module, nn.BatchNorm2d):
                    terms[f"{name}.weight"] = total

            if output.requires_grad:
                output.register_hook(remember)

        return hook

    hooks = [
        module.register_forward_hook(watch(name))
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d) and module.bias is not None
    ]
    try:
        yield terms
    finally:
        for handle in hooks:
            handle.remove()


def _compare(
    assignments: Sequence[Assignment],
    actual: Mapping[str, Array],
    expected: Mapping[str, Array],
    terms: Mapping[str, float],
) -> dict[str, float]:
    """Relative differences by our names; infinite where only one of the two has an array.

    Args:
        actual: by our names; expected: by Gluon's structural names.
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
    return TrainingCheck(what, dtype, array, worst, LIMITS[dtype])
