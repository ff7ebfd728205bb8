"""GluonCV's networks on MXNet, trained: gradients, running statistics and steps of SGD."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..sources.arrays import Array, Arrays
from ..sources.gluon_network import build_network, fill_network, parameters_of
from ..sources.mxnet_compat import import_mxnet


@dataclass(frozen=True)
class Gradients:
    """The gradients of one backward pass.

    Attributes:
        images: With respect to the images (N, C, H, W).
        arrays: With respect to each array that Gluon trains, by structural name.
    """

    images: Array
    arrays: Arrays


class GluonTrainer:
    """A GluonCV network that is trained by MXNet's autograd and optimizer, without dropout."""

    def __init__(
        self,
        name: str,
        arrays: Mapping[str, Array],
        num_classes: int,
        dtype: str,
        *,
        imperative: bool = False,
    ) -> None:
        """Build the network and give it the arrays.

        Args:
            name: GluonCV's.
            arrays: Every parameter by structural name.
            dtype: `float64`, or `float32` for networks that compute in nothing else.
            imperative: The network does not run as a graph.

        Raises:
            KeyMapError: The arrays are not this network's.
            MissingDependencyError: MXNet is not installed.
        """
        self._mxnet, self._dtype = import_mxnet(), dtype
        self._net = build_network(name, num_classes, trainable=True)
        fill_network(self._net, arrays)
        self._net.cast(dtype)
        self._net.apply(_without_dropout)
        if not imperative:
            self._net.hybridize()
        self._parameters = parameters_of(self._net)

    @property
    def trained(self) -> set[str]:
        """The names of the arrays that Gluon trains; the others are statistics, or fixed."""
        return {name for name, each in self._parameters.items() if each.grad_req != "null"}

    def gradients(self, images: Array, weights: Array, *, train: bool) -> Gradients:
        """The gradients of Σ logits · weights.

        Args:
            images: (N, C, H, W).
            weights: Of the logits (N, classes).
            train: In train mode, which also updates the running statistics; else in eval mode.
        """
        data = self._images(images)
        self._backward(data, weights, train)
        arrays = {name: self._parameters[name].grad().asnumpy() for name in self.trained}
        return Gradients(data.grad.asnumpy(), arrays)

    def train(
        self, images: Array, weights: Array, steps: int, lr: float, momentum: float, decay: float
    ) -> None:
        """Take some steps of SGD on the same loss, with momentum and weight decay."""
        options = {"learning_rate": lr, "momentum": momentum, "wd": decay}
        trainer = self._mxnet.gluon.Trainer(self._net.collect_params(), "sgd", options)
        data = self._images(images)
        for _ in range(steps):
            self._backward(data, weights, train=True)
            trainer.step(1)

    def arrays(self) -> Arrays:
        """Every array as it is now, by structural name."""
        return {name: each.data().asnumpy() for name, each in self._parameters.items()}

    def _backward(self, data: Any, weights: Array, train: bool) -> None:
        with self._mxnet.autograd.record(train_mode=train):
            loss = (self._net(data) * self._array(weights)).sum()
        loss.backward(train_mode=train)

    def _images(self, images: Array) -> Any:
        # on the CPU, MXNet updates running statistics in the backward pass, which reaches a norm
        # before the first trained layer, as in v2, only if the images need a gradient
        data = self._array(images)
        data.attach_grad()
        return data

    def _array(self, array: Array) -> Any:
        return self._mxnet.nd.array(array, dtype=self._dtype)


def _without_dropout(block: Any) -> None:
    if type(block).__name__ == "Dropout":
        block._rate = 0
