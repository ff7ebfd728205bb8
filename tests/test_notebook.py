"""The notebook of the documentation, executed in a kernel of its own."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gluon2torch import predict

from .documents import ROOT

NOTEBOOK = ROOT / "docs" / "quickstart.ipynb"
pytestmark = pytest.mark.nbclient


def texts(cells: list[Any]) -> str:
    """What the cells printed; a warning on stderr is not expected."""
    printed = [out for cell in cells for out in cell.outputs if out.output_type == "stream"]
    assert {out.name for out in printed} == {"stdout"}
    return "".join(out.text for out in printed)


@pytest.mark.costly
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=300, resources=resources).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    text = texts(cells)

    (folder,) = tmp_path.glob("quickstart-*")
    (file,) = folder.glob("*.pth")
    assert f"file:       {file.name}\n" in text
    assert "proved equal: True\n" in text
    checks = re.findall(r"^float(\d\d) .* (\S+)  limit (\S+)$", text, flags=re.MULTILINE)
    assert {bits for bits, _, _ in checks} == {"32", "64"}
    assert all(float(difference) <= float(limit) for _, difference, limit in checks)
    (prediction,) = predict(file, [folder / "picture.png"])
    for guess in prediction.top:
        assert f"{guess.probability:7.2%}  {guess.label}\n" in text

    drawn = [out.data["image/png"] for cell in cells for out in cell.outputs if "data" in out]
    assert len(drawn) == 3
    for picture in drawn:
        with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
            assert len(image.convert("RGB").getcolors(1 << 20) or ()) > 10


def test_the_notebook_is_committed_without_outputs() -> None:
    import nbformat

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
