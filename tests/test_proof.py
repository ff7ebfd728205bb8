"""Which reference a conversion is proved with."""

from __future__ import annotations

from pathlib import Path

import pytest

from gluon2torch.parity import proof


@pytest.mark.parametrize(("installed", "chosen"), [(True, "gluon"), (False, "graph")])
def test_auto_is_the_stored_graph_only_without_mxnet(
    installed: bool, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "has_mxnet", lambda: installed)
    assert proof.choose_reference("auto") == chosen


def test_any_other_reference_is_the_one_that_was_asked_for() -> None:
    assert proof.choose_reference("none") == "none"
    assert proof.choose_reference(Path("folder", "saved.npz")) == str(Path("folder", "saved.npz"))
