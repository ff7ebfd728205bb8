"""What a conversion tells of itself: the JSON record."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Check:
    """One comparison of logits.

    Attributes:
        dtype: both networks computed in it.
        input: the images' shape, `2x3x224x224`.
        max_abs: the largest difference.
        max_rel: the same over the reference's largest absolute value.
        limit: what `max_rel` may be.
    """

    dtype: str
    input: str
    max_abs: float
    max_rel: float
    limit: float

    @property
    def passed(self) -> bool:
        return self.max_rel <= self.limit  # False for NaN


@dataclass(frozen=True)
class StageDifference:
    """The largest relative difference behind one stage, over all inputs, in the first dtype."""

    name: str
    max_rel: float


@dataclass(frozen=True)
class Parity:
    """What parity measured.

    Attributes:
        reference: `gluon`, `graph`, or `none` where parity was not run.
        passed: None where it was not run.
        checks: of the logits, by dtype and input.
        stages: in forward order, in float64 (float32 where the reference has no other).
        condition: by how much the network enlarges a small relative change of its input. Rounding
            is enlarged alike, so a difference near condition · 1e-16 is not an error.
    """

    reference: str
    passed: bool | None
    checks: tuple[Check, ...] = ()
    stages: tuple[StageDifference, ...] = ()
    condition: float | None = None


@dataclass(frozen=True)
class Source:
    """Where the arrays came from.

    Attributes:
        kind: `random`, `pretrained`, `params` or `finetuned`.
        path: the file, where there is one; of a finetuned network, the checkpoint it began as.
        url: where it was published.
        sha1: of the file.
        seed: of random weights.
    """

    kind: str
    path: str | None = None
    url: str | None = None
    sha1: str | None = None
    seed: int | None = None


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
class Preprocessing:
    """How an image becomes the network's input.

    Attributes:
        input_size: height and width of the crop.
        mean, std: of RGB values in 0 … 1, by channel.
        crop_pct: the crop's side over the short side after resizing; 1 where nothing is cropped.
        interpolation: of that resizing.
    """

    input_size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    crop_pct: float
    interpolation: str


@dataclass(frozen=True)
class Record:
    """One conversion.

    Attributes:
        model: GluonCV's name; `name`: the published one; `family`: the key map.
        files: the checkpoint, in each format that was asked for.
        layout: whose keys it has.
        content_sha256: of names, dtypes, shapes and values under the project's keys
            (converter/content.py), the same whatever the file's format.
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
