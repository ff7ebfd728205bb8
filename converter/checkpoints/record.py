"""What a conversion tells of itself: the JSON record."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import CheckpointError
from ..files.atomic_file import record_path
from ..mappings.catalog import Preprocessing
from ..mappings.schema import structure
from ..parity.result import Parity
from ..sources.source import Source


@dataclass(frozen=True)
class WrittenFile:
    """A file that was written: its format, its path, the SHA-256 of its bytes, how many they are.

    Where the format is a folder, `file` is the folder, and the rest is of the weights in it.
    """

    format: str
    file: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Record:
    """One conversion.

    Attributes:
        model: GluonCV's name; `name`: the published one; `family`: the key map.
        files: the checkpoint, in each format that was asked for.
        layout: whose keys it has.
        content_sha256: of names, dtypes, shapes and values under the project's keys
            (weights/content_hash.py), the same whatever the file's format.
        parameters: the trainable ones.
        num_classes: of the file, which need not be the published network's.
        in_chans: channels of its images; `num_features`: of its last stage.
        labels: the data set whose classes they are, or a user's own names, or None.
        load: code that builds the network in the layout's library and fills it; None where that
            library has no such network.
        note: what to mind there.
        versions: of the libraries that had a part in it.
        seconds: wall time by step.
        backbone_of: `segmentation`, `detection` … where the network is the trunk of one.
        left_out: the file's arrays that are not the trunk's, by the rule that leaves them out.
    """

    model: str
    name: str
    family: str
    files: tuple[WrittenFile, ...]
    layout: str
    content_sha256: str
    parameters: int
    num_classes: int
    in_chans: int
    num_features: int
    preprocessing: Preprocessing
    labels: str | tuple[str, ...] | None
    source: Source
    parity: Parity
    load: str | None = None
    note: str | None = None
    versions: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    backbone_of: str | None = None
    left_out: dict[str, tuple[str, ...]] | None = None

    succeeded = True

    @property
    def file(self) -> str:
        """The first of the files."""
        return self.files[0].file

    def as_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        first = asdict(self.files[0])
        names = {key: getattr(self, key) for key in ("model", "name", "family")}
        plain: dict[str, Any] = _plain({**names, **first, **asdict(self)})
        return plain


@dataclass(frozen=True)
class GraphRecord:
    """One conversion of an exported network, which need be no network of the catalogue.

    Attributes:
        model: the stem of the `-symbol.json`; `name`: the file's, before its hash.
        file: the program, in `format` (`pt2`).
        content_sha256: of the module's names, dtypes, shapes and values.
        num_classes: how wide its first output is, where that is a list of numbers for each image.
        symbol: the graph's file; `mxnet_version`: that wrote it.
        operators: how many nodes each of MXNet's has.
        input: the graph's input; `input_shape`: of one example of it.
        versions: of the libraries that had a part in it.
    """

    model: str
    name: str
    family: str
    format: str
    file: str
    sha256: str
    bytes: int
    content_sha256: str
    parameters: int
    num_classes: int | None
    symbol: str
    mxnet_version: str | None
    operators: dict[str, int]
    input: str
    input_shape: tuple[int, ...]
    source: Source
    parity: Parity
    versions: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    succeeded = True

    def as_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A conversion that did not succeed; `error` takes the place of the file.

    The other fields are the record's; what was not known yet is None.
    """

    model: str | None = None
    name: str | None = None
    family: str | None = None
    error: str
    source: Source | None = None
    parity: Parity | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    succeeded = False

    def as_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


@dataclass(frozen=True)
class RecordedParity:
    """What a record says of parity: against what it was measured, and whether it held."""

    reference: str
    passed: bool | None


@dataclass(frozen=True)
class RecordedFacts:
    """What a checkpoint's record says, read again; None for what is not there.

    A record beside the file has all of it, the metadata inside a `.safetensors` has what belongs to
    the weights alone. The fields are Record's.
    """

    model: str | None = None
    name: str | None = None
    family: str | None = None
    layout: str | None = None
    sha256: str | None = None
    content_sha256: str | None = None
    parameters: int | None = None
    num_classes: int | None = None
    in_chans: int | None = None
    num_features: int | None = None
    preprocessing: Preprocessing | None = None
    labels: str | tuple[str, ...] | None = None
    backbone_of: str | None = None
    source: Source | None = None
    parity: RecordedParity | None = None


def read_record(path: Path) -> RecordedFacts | None:
    """The record beside a checkpoint; None where there is none.

    Raises:
        CheckpointError: it is no JSON, or no record; names the field and what was expected.
    """
    where = record_path(path)
    try:
        text = where.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{where}: cannot be read ({error})") from error
    try:
        return structure(json.loads(text), RecordedFacts)
    except json.JSONDecodeError as error:
        problem, line = error.msg, f", line {error.lineno}"
    except ValueError as error:
        problem, line = str(error), ""
    raise CheckpointError(
        f"{where}{line}: is no record of a checkpoint ({problem}); move the file away and say "
        "which network it is with `--model`"
    )


def _plain(value: Any) -> Any:
    """Values as JSON has them. A number that is none is a text there: `nan`, `inf`."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def to_json(records: Any) -> str:
    """Records → JSON text that ends in a newline."""
    return json.dumps(_plain(records), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
