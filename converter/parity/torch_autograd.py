"""Converted networks, trained by torch: gradients, running statistics and steps of SGD."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch
from torch import nn

from ..sources.arrays import Array, Arrays
from ..weights.converted import Converted


class TorchTrainer:
    """A converted network that is trained by torch, with MXNet's running statistics.

    It has no dropout, and memory of its own: training does not change the converted tensors.
    """

    def __init__(self, converted: Converted, dtype: str) -> None:
        """Build the network, to be trained in `float64` or `float32`."""
        self._network = deepcopy(converted.network(gluon_batch_norm=True))
        self._network.to(getattr(torch, dtype))
        for module in self._network.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0

    def tensors(self) -> Arrays:
        """The state_dict as arrays, which later steps change."""
        return {name: each.numpy() for name, each in self._network.state_dict().items()}

    def gradients(
        self, images: Array, weights: Array, *, train: bool
    ) -> tuple[Arrays, Array, dict[str, float]]:
        """The gradients of Σ logits · weights.

        Args:
            images: (N, C, H, W).
            weights: Of the logits (N, classes).
            train: In train mode, which also updates the running statistics; else in eval mode.

        Returns:
            The gradients by parameter, those of the images, and Σ |terms| of some
            (`_gradient_terms`).
        """
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

    def train(
        self, images: Array, weights: Array, steps: int, lr: float, momentum: float, decay: float
    ) -> None:
        """Take some steps of SGD on the same loss, with momentum and weight decay."""
        trained = [each for each in self._network.parameters() if each.requires_grad]
        optimizer = torch.optim.SGD(trained, lr=lr, momentum=momentum, weight_decay=decay)
        self._network.train()
        for _ in range(steps):
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
