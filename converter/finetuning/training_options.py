"""Hyperparameters of a training, and the optimizer and schedule they describe."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from ..mappings.choices import (
    OPTIMIZERS,
    PRESETS,
    SCHEDULES,
    TRAINING_RANGES,
    check_choice,
    check_range,
)

LEARNING_RATES = {"sgd": 0.01, "adamw": 5e-4}
# factor of the learning rate, by the share of the training that is done
SCHEDULE_FACTORS: dict[str, Callable[[float], float]] = {
    "cosine": lambda done: (1 + math.cos(math.pi * done)) / 2,
    "linear": lambda done: 1 - done,
    "step": lambda done: 0.1 ** int(3 * done),
    "constant": lambda done: 1.0,
}


@dataclass(frozen=True)
class FinetuneOptions:
    """Hyperparameters: all that a training depends on, besides the checkpoint and the images.

    The ranges of numbers are TRAINING_RANGES (mappings/choices.py).

    Attributes:
        epochs: Passes over the training images.
        batch_size: Images per step, over all processes.
        optimizer: `sgd` (with Nesterov momentum 0.9) or `adamw`.
        lr: Peak learning rate; None for the optimizer's default (LEARNING_RATES).
        weight_decay: Of matrices and kernels; norms and biases have none.
        schedule: Decay of the learning rate: `cosine`, `linear`, `step` or `constant`.
        warmup: Epochs over which the learning rate first rises.
        label_smoothing: Probability taken from the true class and spread over all classes.
        ema: Decay of an exponential moving average of the weights, which is then evaluated and
            written; None disables it.
        min_scale: Smallest share of an image's area in a training crop; 1 uses the whole image.
        holdout: Share of each class's images held out for evaluation, if there is no folder for it.
        preset: How the images for evaluation are prepared.
        seed: Seed of the new weights, the order of images, their crops, and dropout.
        gluon_batch_norm: Keep BatchNorm's running statistics as MXNet does
            (models/gluon_batch_norm.py).

    Raises:
        ValueError: A value is not one of its choices, or is out of range.
    """

    epochs: int = 10
    batch_size: int = 32
    optimizer: str = "sgd"
    lr: float | None = None
    weight_decay: float = 1e-4
    schedule: str = "cosine"
    warmup: float = 0.0
    label_smoothing: float = 0.0
    ema: float | None = None
    min_scale: float = 0.35
    holdout: float = 0.1
    preset: str = "gluon"
    seed: int = 0
    gluon_batch_norm: bool = False

    def __post_init__(self) -> None:
        check_choice("optimizer", self.optimizer, OPTIMIZERS)
        check_choice("schedule", self.schedule, SCHEDULES)
        check_choice("preset", self.preset, PRESETS)
        for name, accepted in TRAINING_RANGES.items():
            value = getattr(self, name)
            if value is not None or name not in ("lr", "ema"):
                check_range(name, value, accepted)


def make_optimizer(network: torch.nn.Module, options: FinetuneOptions) -> Optimizer:
    """Make the optimizer of all parameters that are trained.

    Norms and biases have no weight decay. What is fixed in Gluon, as v2's `data_bn`, is left out.
    """
    parameters = [each for each in network.parameters() if each.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [each for each in parameters if each.ndim > 1]},
        {"params": [each for each in parameters if each.ndim <= 1], "weight_decay": 0.0},
    ]
    lr = LEARNING_RATES[options.optimizer] if options.lr is None else options.lr
    if options.optimizer == "adamw":
        return AdamW(groups, lr=lr, weight_decay=options.weight_decay)
    return SGD(groups, lr=lr, momentum=0.9, nesterov=True, weight_decay=options.weight_decay)


def make_schedule(optimizer: Optimizer, options: FinetuneOptions, steps: int) -> LambdaLR:
    """Make the schedule of the learning rate, with `steps` steps per epoch."""
    whole, rising = options.epochs * steps, options.warmup * steps
    fall = SCHEDULE_FACTORS[options.schedule]

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / (rising + 1)
        return fall((step - rising) / max(whole - rising, 1))

    return LambdaLR(optimizer, factor)
