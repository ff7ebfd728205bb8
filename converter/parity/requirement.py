"""The error that is raised unless parity holds: what differs, and where first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ParityError
from .result import Parity

if TYPE_CHECKING:
    from .wrong_node import WrongNode


def require(parity: Parity, model: str, wrong: WrongNode | None = None) -> None:
    """Raise an error unless parity holds, with random weights too where that was measured.

    Args:
        parity: The measured parity.
        model: Name of the network.
        wrong: The first node of a graph that differs, if it is known.

    Raises:
        ParityError: If it does not; names the first stage that differs, or the check that fails.
    """
    if parity.map_proof is not None and (cause := _failure(parity.map_proof)):
        raise ParityError(
            f"{model}: equal to its {parity.reference} reference with these weights, but not with "
            f"random ones, so arrays are mapped to wrong keys: {cause}",
            parity,
        )
    if parity.training is not None and not parity.training.passed:
        check = next(check for check in parity.training.checks if not check.passed)
        raise ParityError(
            f"{model}: does not train as Gluon does: {check.what} differ, most in {check.array} "
            f"({check.max_rel:.1e} in {check.dtype}, limit {check.limit:.0e})",
            parity,
        )
    if cause := _failure(parity):
        message = f"{model}: not equal to its {parity.reference} reference: {cause}"
        if wrong is not None:
            message += f"; given MXNet's inputs, the first operator that differs is {wrong}"
        raise ParityError(message, parity, wrong)


def _failure(parity: Parity) -> str | None:
    """Describe what keeps parity from holding."""
    if parity.passed:
        return None
    if parity.constant_from is not None:
        return (
            f"the outputs do not depend on the input: {parity.constant_from} is the first stage "
            "whose outputs are constant or not finite, so nothing can be proved; check the "
            "weights, or convert them unproved with `--reference none`"
        )
    dtype, limit = parity.checks[0].dtype, parity.checks[0].limit
    first = next((stage for stage in parity.stages if not stage.holds(limit)), None)
    if first is not None:
        figures = _figures(first.max_rel, first.max_own, limit, dtype)
        return f"the first stage that differs is {first.name} ({figures})"
    check = next(check for check in parity.checks if not check.passed)
    figures = _figures(check.max_rel, check.max_own, check.limit, check.dtype)
    return f"the logits differ at {check.input} ({figures})"


def _figures(max_rel: float, max_own: float, limit: float, dtype: str) -> str:
    if not max_rel <= limit:
        return f"{max_rel:.1e} in {dtype}, limit {limit:.0e}"
    return f"a single output by {max_own:.1e} times its own bound in {dtype}"
