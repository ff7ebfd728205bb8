"""Conversion of arrays that fit a network to its state_dict."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..mapping.assignment import Assignment, differences, refuse
from ..mapping.fit import Fit
from ..mappings.key_map import load_keymap
from ..sources.arrays import Arrays
from .soundness import unsound
from .state_dict import Tensors, build_values, to_tensors

if TYPE_CHECKING:
    from ..models import ResNet


@dataclass(frozen=True)
class Converted:
    """A converted state_dict whose parity is not measured yet.

    Attributes:
        fit: The network, and which array became which tensor.
        arrays: Gluon's arrays, by structural name.
        values: The state_dict as arrays, in the network's order; they share memory with `arrays`.
    """

    fit: Fit
    arrays: Arrays
    values: Arrays

    @functools.cached_property
    def tensors(self) -> Tensors:
        """The state_dict; it shares memory with the arrays."""
        return to_tensors(self.values)

    def reference_arrays(self) -> Arrays:
        """The arrays that Gluon's network needs; without a classifier, one of zeros is added."""
        if self.fit.num_classes:
            return self.arrays
        layer = load_keymap(self.fit.entry.family).stages[-1].gluon
        weight = np.zeros((1, self.fit.num_features), np.float32)
        return {**self.arrays, f"{layer}.weight": weight, f"{layer}.bias": weight[0, :1]}

    def require_placed(self) -> None:
        """Raise an error unless every tensor has the values of the array that the map names.

        Raises:
            KeyMapError: If one has not; names all of them.
        """
        problems = [
            f"{each.target}: does not hold the values of {each.source}"
            for each in self.fit.assignments
            if not each.fill_ones and not self._is_placed(each)
        ]
        refuse(f"{self.fit.entry.name}: tensors are not in their places", problems)

    def _is_placed(self, assignment: Assignment) -> bool:
        array, tensor = self.arrays[assignment.source], self.tensors[assignment.target].numpy()
        array = array.reshape(tensor.shape)
        # the first comparison, which is much faster, is enough where no value is NaN
        return np.array_equal(tensor, array) or np.array_equal(tensor, array, equal_nan=True)

    def network(self, **options: Any) -> ResNet:
        """The network with these tensors, sharing memory with them.

        Args:
            options: Options of `create_model`, such as `gluon_batch_norm`.

        Raises:
            KeyMapError: If models/ builds another network than the one in the table of networks.
        """
        from ..mapping.network_spec import describe_network, empty_network

        fit = self.fit
        network = empty_network(fit.entry.name, fit.num_classes, fit.in_chans, **options)
        refuse(
            f"{fit.entry.name} is not as in mappings/networks.jsonl.xz; generate the table again "
            "with `python -m gluon2torch.mapping.network_export`",
            differences(describe_network(network), fit.targets),
        )
        network.load_state_dict(self.tensors, assign=True)
        return network


def assemble(
    fitted: Fit,
    arrays: Arrays,
    dtype: str = "keep",
    allow_nonfinite: bool = False,
    prefix: str = "",
) -> Converted:
    """Convert arrays that fit a network to a state_dict.

    Args:
        fitted: How the arrays fit the network.
        arrays: The arrays, by the names in their file.
        dtype: As `build_values`.
        allow_nonfinite: Accept NaN and Inf.
        prefix: Start of an error: the path of the file.

    Raises:
        KeyMapError: If an array has invalid values (soundness.py).
    """
    structural = {fitted.translation.names[name]: array for name, array in arrays.items()}
    refuse(
        f"{prefix}{fitted.entry.name}: the weights are invalid",
        unsound(structural, allow_nonfinite=allow_nonfinite),
    )
    values = build_values(fitted.assignments, structural, fitted.targets, dtype)
    return Converted(fitted, structural, values)
