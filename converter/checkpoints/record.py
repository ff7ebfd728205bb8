"""The JSON record of a conversion."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, dataclass, field
from typing import Any

from ..mappings.catalog import Preprocessing
from ..parity.result import Parity
from ..sources.source import Source

_SURROGATE = re.compile("[\ud800-\udfff]")  # what Python has in place of bytes, and UTF-8 has not


@dataclass(frozen=True)
class WrittenFile:
    """A file that was written.

    For the folder format, `file` is the folder, and `sha256` and `bytes` are of the weights in it.

    Attributes:
        format: Name of the format.
        file: Path of the file.
        sha256: SHA-256 of the file's content.
        bytes: Size of the file.
    """

    format: str
    file: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Record:
    """Record of a conversion.

    Attributes:
        model: GluonCV's name of the network.
        name: Published name of the network.
        family: Name of the key map.
        files: The checkpoint in each requested format.
        layout: Library whose keys the checkpoint uses.
        content_sha256: Hash of names, data types, shapes and values under our keys
            (weights/content_hash.py); the same for every file format.
        parameters: Number of trainable parameters.
        num_classes: Number of classes of the file, which can differ from the published network's.
        in_chans: Number of input channels.
        num_features: Number of channels of the last stage.
        preprocessing: Preprocessing of the images.
        labels: Name of the data set with these classes, or a user's own class names, or None.
        source: Origin of the weights.
        parity: The measured parity.
        load: Code that builds the network in the layout's library and loads the file; None if the
            library does not have the network.
        note: Remark on using the network in that library.
        versions: Versions of the libraries that were used.
        seconds: Wall time by step.
        backbone_of: `segmentation`, `detection` … if the network is the trunk of such a network.
        left_out: Arrays of the file that are not part of the trunk, by the rule that excludes them.
        facts_sha256: Hash of the fields that belong to the weights (metadata.py).
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
    facts_sha256: str | None = None

    succeeded = True

    @property
    def file(self) -> str:
        """Path of the first file."""
        return self.files[0].file

    def as_dict(self) -> dict[str, Any]:
        """Return the record as `--json` prints it."""
        return _with_first_file(self)


def _with_first_file(record: Record | GraphRecord) -> dict[str, Any]:
    """A record's fields, with those of its first file beside its names."""
    names = {key: getattr(record, key) for key in ("model", "name", "family")}
    plain: dict[str, Any] = _plain({**names, **asdict(record.files[0]), **asdict(record)})
    return plain


@dataclass(frozen=True)
class RecordedInput:
    """An input of a graph.

    Attributes:
        name: Its name in MXNet's graph.
        shape: The shape that the file accepts; None for each dimension that may have any size: the
            batch, the height and width of images, the lengths of sequences.
        dtype: Its data type.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True)
class GraphRecord:
    """Record of the conversion of an exported network, which need not be in the catalogue.

    Attributes:
        model: Stem of the `-symbol.json`.
        name: Start of the file name; the hash follows.
        files: The network in each requested format; the one that the record belongs to is first.
        content_sha256: Hash of the module's names, data types, shapes and values.
        num_classes: Number of classes of a network of GluonCV's zoo; of other graphs, the width of
            the first output, if that is one vector per image. Otherwise None.
        symbol: Path of the graph.
        mxnet_version: Version of MXNet that wrote the graph.
        operators: Number of nodes of each MXNet operator in the file, as `gluon2torch graph` prints
            them.
        input: Name of the graph's input; None if there are several.
        input_shape: Shape of the input without its first dimension; None if there are several.
        inputs: The inputs, in the order in which the network takes them.
        outputs: Names of the nodes whose values are the outputs, in order.
        notes: What differed in the files and was matched, such as names of arrays; why the file
            accepts one batch size only, if it does; outputs that are constant.
        load: Code that builds the module from the file.
        versions: Versions of the libraries that were used.
        facts_sha256: Hash of the fields that belong to the network, with its graph (metadata.py).
    """

    model: str
    name: str
    family: str
    files: tuple[WrittenFile, ...]
    content_sha256: str
    parameters: int
    num_classes: int | None
    symbol: str
    mxnet_version: str | None
    operators: dict[str, int]
    input: str | None
    input_shape: tuple[int, ...] | None
    inputs: tuple[RecordedInput, ...]
    outputs: tuple[str, ...]
    notes: tuple[str, ...]
    source: Source
    parity: Parity
    load: str | None = None
    versions: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    facts_sha256: str | None = None

    succeeded = True

    @property
    def file(self) -> str:
        """Path of the first file."""
        return self.files[0].file

    @property
    def sha256(self) -> str:
        """SHA-256 of the first file's content."""
        return self.files[0].sha256

    def as_dict(self) -> dict[str, Any]:
        """Return the record as `--json` prints it."""
        return _with_first_file(self)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Record of a failed conversion, with `error` in place of the file.

    The other fields are those of `Record`; they are None if they were not known yet.
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
        """Return the record as `--json` prints it."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def _plain(value: Any) -> Any:
    """Convert values to JSON types; NaN and infinities become strings (`nan`, `inf`)."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def to_json(records: Any) -> str:
    """Encode records as JSON text that ends in a newline.

    Each byte of a file's name that is not UTF-8 becomes the replacement character.
    """
    text = json.dumps(_plain(records), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)
