"""MXNet's own run of an exported graph, with which imported graphs are compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gluon2torch.errors import ImageSizeError
from gluon2torch.parity.exported_reference import ExportedReference
from gluon2torch.sources.mxnet_compat import import_mxnet

pytestmark = pytest.mark.mxnet


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_casts_of_amp_to_float16_are_not_computed(dtype: str, tmp_path: Path) -> None:
    """The proof is of the network before MXNet's automatic mixed precision changed it."""
    sym = import_mxnet().sym
    value = sym.FullyConnected(sym.var("data"), num_hidden=6, name="fc")
    value = sym.amp_cast(sym.amp_cast(value, dtype="float16"), dtype="float32")
    path = tmp_path / "net-symbol.json"
    value.save(str(path), remove_amp_cast=False)
    assert path.read_text().count('"amp_cast"') == 2
    rng = np.random.default_rng(0)
    weight, bias, data = (rng.standard_normal(shape) for shape in ((6, 5), 6, (3, 5)))
    reference = ExportedReference(path, {"fc_weight": weight, "fc_bias": bias})
    reference.cast(dtype)
    actual, expected = reference({"data": data.astype(dtype)})["head0"], data @ weight.T + bias
    assert actual.dtype == dtype
    assert np.abs(actual - expected).max() <= 4 * np.finfo(dtype).eps * np.abs(expected).max()


def test_what_mxnet_prints_is_not_in_the_output(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Before it refuses shapes, it prints those of all arguments, also into `--json -`."""
    sym = import_mxnet().sym
    path = tmp_path / "net-symbol.json"
    (sym.var("one") + sym.var("other")).save(str(path))
    reference = ExportedReference(path, {})
    with pytest.raises(ImageSizeError, match="MXNet cannot run the graph on inputs of shape one 2"):
        reference({"one": np.ones((2, 3), np.float32), "other": np.ones((4, 3), np.float32)})
    assert capfd.readouterr().out == ""
