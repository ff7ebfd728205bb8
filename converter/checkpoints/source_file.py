"""A `.py` that `convert --format py` wrote, and the file with its weights, without running it."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import CheckpointError
from ..parity.result import Parity
from .inspection import FileReport, array_report
from .recorded_facts import RecordedFacts, read_record
from .verification import Claims, Verification, hash_file
from .weights_file import read_tensors

SUFFIX = ".py"
_LOADING = re.compile(r'network = (\w+)\(\)\s+network\.load_state_dict\(load_file\("([^"]+)"\)\)')


@dataclass(frozen=True)
class SourceFile:
    """What the first lines of a source say.

    Attributes:
        path: The file.
        network: Name of the network's class.
        weights: The file with its weights, in the same folder.
    """

    path: Path
    network: str
    weights: Path


def is_source(path: Path) -> bool:
    """Whether a file has the suffix of a source."""
    return path.suffix == SUFFIX


def read_source(path: Path) -> SourceFile:
    """Read the first lines of a source, which is not run.

    Raises:
        CheckpointError: If it cannot be read, is not one that `convert` wrote, or its weights are
            not beside it.
    """
    try:
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error
    except (SyntaxError, ValueError) as error:
        raise CheckpointError(f"{path}: is not Python source ({error})") from error
    found = _LOADING.search(text)
    if found is None:
        raise CheckpointError(
            f"{path}: its first lines do not say how its weights are loaded, as those of a network "
            "that `convert --format py` wrote do"
        )
    weights = path.parent / found[2]
    if weights.parent != path.parent:
        raise CheckpointError(
            f"{path}: its first lines load {found[2]}, which must be the name of a file beside it"
        )
    if not weights.is_file():
        raise CheckpointError(f"{path}: the file with its weights, {weights}, does not exist")
    return SourceFile(path, found[1], weights)


def inspect_source(path: Path) -> FileReport:
    """Describe the arrays in the file with a source's weights.

    Raises:
        CheckpointError: If one of the two files cannot be read.
    """
    source = read_source(path)
    tensors, _ = read_tensors(source.weights)
    arrays = tuple(array_report(name, each.numpy(), None, None) for name, each in tensors.items())
    return FileReport(
        path=str(path),
        version=f"source of the network {source.network}, with its weights in {source.weights}",
        bytes=source.weights.stat().st_size,
        values=sum(tensor.numel() for tensor in tensors.values()),
        detection=None,
        arrays=arrays,
    )


def verify_source(path: Path) -> Verification:
    """Compare a source with its name and its record, and its weights with their name.

    Parity is not measured: it was when the file was written, and its hash shows whether it has
    been changed.

    Raises:
        CheckpointError: If the source or its record cannot be read, or its weights are missing.
    """
    source = read_source(path)
    sha256, size = hash_file(path)
    record = read_record(path) or RecordedFacts()
    claims = Claims()
    claims.check_file(path, sha256, record)
    claims.check_name(source.weights, hash_file(source.weights)[0], "weights")
    return claims.result(path, sha256, size, record.model, None, Parity("none", None))
