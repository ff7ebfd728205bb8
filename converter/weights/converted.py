"""Arrays that fit a network → its state_dict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .soundness import unsound
from ..mapping.fit import Fit
from ..mappings.key_map import load_keymap
from ..sources.arrays import Arrays
from ..mapping.assignment import refuse

if TYPE_CHECKING:
    from ..models import ResNet

    from .state_dict import Tensors



@dataclass(frozen=True)
class Converted:
    """Arrays that have become a state_dict, not yet proved.

    Attributes:
        fit: which network, and what became what.
        arrays: Gluon's, by structural name.
        tensors: ours, in the network's order; they share memory with the arrays.
    """

    fit: Fit
    arrays: Arrays
    tensors: Tensors

    def reference_arrays(self) -> Arrays:
        """The arrays that Gluon's network needs; one of a trunk has a classifier, too: of zeros."""
        if self.fit.num_classes:
            return self.arrays
        layer = load_keymap(self.fit.entry.family).stages[-1].gluon
        weight = np.zeros((1, self.network().num_features), np.float32)
        return {**self.arrays, f"{layer}.weight": weight, f"{layer}.bias": weight[0, :1]}

    def network(self) -> ResNet:
        """The network with these tensors; it shares memory with them."""
        from ..mapping.network_spec import empty_network

        network = empty_network(self.fit.entry.name, self.fit.num_classes, self.fit.in_chans)
        network.load_state_dict(self.tensors, assign=True)
        return network


def assemble(
    fitted: Fit, arrays: Arrays, dtype: str = "keep", allow_nonfinite: bool = False
) -> Converted:
    """Arrays that fit → a state_dict.

    Raises:
        KeyMapError: values that no sound network has (fidelity.py).
    """
    from .state_dict import build_state_dict

    structural = {fitted.translation.names[name]: array for name, array in arrays.items()}
    refuse(
        f"{fitted.entry.name}: these are no sound weights",
        unsound(structural, allow_nonfinite=allow_nonfinite),
    )
    tensors = build_state_dict(fitted.assignments, structural, fitted.targets, dtype)
    return Converted(fitted, structural, tensors)
