"""How a network is trained."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from ..mappings.choices import OPTIMIZERS, SCHEDULES, check_choice

LEARNING_RATES = {"sgd": 0.01, "adamw": 5e-4}
# how much of the learning rate is left after a share of the training
SCHEDULE_FACTORS: dict[str, Callable[[float], float]] = {
    "cosine": lambda done: (1 + math.cos(math.pi * done)) / 2,
    "linear": lambda done: 1 - done,
    "step": lambda done: 0.1 ** int(3 * done),
    "constant": lambda done: 1.0,
}


@dataclass(frozen=True)
class FinetuneOptions:
    """What a training depends on, besides the checkpoint and the images.

    Attributes:
        epochs: how often every image is seen.
        batch_size: images of a step, over all processes.
        optimizer: `sgd` (with Nesterov's momentum of 0.9) or `adamw`.
        lr: the largest learning rate; None for the optimizer's usual one.
        weight_decay: of matrices and kernels; norms and biases have none.
        schedule: how the learning rate falls: `cosine`, `linear`, `step` or `constant`.
        warmup: epochs over which it rises first.
        label_smoothing: probability that is taken from the class and spread over all.
        ema: decay of the running mean of the weights, which is then what is judged and written;
            None for none.
        min_scale: the smallest share of an image that a training crop shows; 1 shows all of it.
        holdout: share of each class's images that is kept for judging, where no folder is.
        preset: how the images that judge are prepared.
        seed: of the new classifier, the order of images, their crops, and dropout.
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

    def __post_init__(self) -> None:
        check_choice("optimizer", self.optimizer, OPTIMIZERS)
        check_choice("schedule", self.schedule, SCHEDULES)


def make_optimizer(network: torch.nn.Module, options: FinetuneOptions) -> Optimizer:
    """torch's optimizer, over all parameters."""
    parameters = list(network.parameters())
    groups: list[dict[str, Any]] = [
        {"params": [each for each in parameters if each.ndim > 1]},
        {"params": [each for each in parameters if each.ndim <= 1], "weight_decay": 0.0},
    ]
    lr = LEARNING_RATES[options.optimizer] if options.lr is None else options.lr
    if options.optimizer == "adamw":
        return AdamW(groups, lr=lr, weight_decay=options.weight_decay)
    return SGD(groups, lr=lr, momentum=0.9, nesterov=True, weight_decay=options.weight_decay)


def make_schedule(optimizer: Optimizer, options: FinetuneOptions, steps: int) -> LambdaLR:
    """The learning rate of every step, `steps` to an epoch."""
    whole, rising = options.epochs * steps, options.warmup * steps
    fall = SCHEDULE_FACTORS[options.schedule]

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / (rising + 1)
        return fall((step - rising) / max(whole - rising, 1))

    return LambdaLR(optimizer, factor)
