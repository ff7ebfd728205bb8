from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from gluon2torch.errors import MissingDependencyError
from gluon2torch.sources import mxnet_compat


def test_numpys_dropped_names_are_lent_and_taken_back() -> None:
    before = set(vars(np))
    with mxnet_compat.legacy_names():
        assert np.bool is bool or "bool" in before
        assert float("inf") == np.PINF
        assert callable(np.product)
    assert set(vars(np)) == before


def test_a_name_that_numpy_has_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    own = object()
    monkeypatch.setattr(np, "PINF", own, raising=False)
    with mxnet_compat.legacy_names():
        assert np.PINF is own
    assert np.PINF is own


def test_distutils_is_stood_in_for_where_python_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("distutils", "distutils.version"):
        monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    modules = mxnet_compat._distutils_version()
    assert isinstance(modules["distutils"], types.ModuleType)
    version = modules["distutils.version"].LooseVersion
    assert version("1.9.1") >= version("1.4.0")
    assert version("1.10.0") >= version("1.9.1")
    assert version("2.13.0+cpu") >= version("2.0.0")
    assert version("1.26.4") < version("2.0.0")


def test_without_mxnet_the_error_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "mxnet", None)
    with pytest.raises(MissingDependencyError, match="pip install mxnet==1.*--reference graph"):
        mxnet_compat.import_mxnet()


def test_an_mxnet_that_raises_while_it_is_imported_is_not_a_mistake_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mxnet.py").write_text("raise AttributeError('numpy has no attribute foo')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mxnet", raising=False)
    with pytest.raises(MissingDependencyError, match="no attribute foo.*--reference graph"):
        mxnet_compat.import_mxnet()


@pytest.mark.mxnet
@pytest.mark.parametrize(
    "order",
    [
        "import torch, gluon2torch.sources.mxnet_compat as c",
        "import gluon2torch.sources.mxnet_compat as c",
    ],
)
def test_mxnet_and_torch_share_a_process_in_any_order(order: str) -> None:
    code = (
        f"{order}; mx = c.import_mxnet(); import torch, numpy as np;"
        "a = mx.nd.ones((2, 2)).asnumpy(); b = torch.ones(2, 2).numpy();"
        "assert (a == b).all(); assert 'PINF' not in vars(np) or np.__version__ < '2'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
