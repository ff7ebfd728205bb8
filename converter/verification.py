"""Is a checkpoint what it was? Its hashes, and parity measured again from the file itself."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .assembly import assemble, describe_arrays
from .catalog import Size
from .errors import CheckpointError, KeyMapError, LabelsError, ParityError, UnknownModelError
from .fit import fit
from .formats.hashing import file_sha256
from .proving import choose_reference, prove
from .record import Parity

if TYPE_CHECKING:
    from .opening import Checkpoint

_DIGITS = re.compile(r"-([0-9a-f]{8})(\.[a-z0-9]+)?$")  # of the SHA-256, at the end of a name
_FAULTS = (CheckpointError, KeyMapError, LabelsError, UnknownModelError)


@dataclass(frozen=True)
class Verification:
    """What was found out about one checkpoint.

    Attributes:
        model: GluonCV's name; None where the file could not be opened.
        file: its path.
        sha256, bytes: of the weights' file.
        content_sha256: of the weights in it; None where it could not be opened.
        compared: what there was to hold it against: `name`, whose digits are those of the hash,
            `sha256` and `content_sha256`, which its record tells.
        parity: as measured now; None where something was wrong before.
        problems: what is wrong, a line each.
    """

    model: str | None
    file: str
    sha256: str
    bytes: int
    content_sha256: str | None
    compared: tuple[str, ...]
    parity: Parity | None
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {**asdict(self), "passed": self.passed}


def verify(
    path: str | os.PathLike[str],
    model: str | None = None,
    *,
    expected: Mapping[str, Any] | None = None,
    reference: str = "auto",
    sizes: Sequence[Size] | None = None,
) -> Verification:
    """Hold a checkpoint against its record and its name, and measure parity from it.

    Parity is not measured where a hash already differs.

    Args:
        model: which network it is, where its record is lost.
        expected: `sha256` and `content_sha256` as they should be; without it the file's record
            tells them.
        reference, sizes: as in `converter.convert`.

    Raises:
        MissingDependencyError: there is no reference to measure against.
        CheckpointError: there is no such file, or its record is none.
        ImageSizeError: the reference does not compute at that size.
    """
    from .content import content_sha256
    from .opening import open_checkpoint, read_record

    path = Path(path)
    reference = choose_reference(reference)
    sha256, size = _hash(path)
    record = expected if expected is not None else read_record(path)
    compared, problems = [], []

    def hold(what: str, wanted: object, found: str, who: str) -> None:
        if isinstance(wanted, str):
            compared.append(what)
            short = what == "name"  # it has the first digits alone
            if (found[: len(wanted)] if short else found) != wanted:
                problems.append(f"its {who} is {found}; {wanted} was expected")

    digits = _DIGITS.search(path.name)
    hold("name", digits and digits[1], sha256, "SHA-256, whose first digits its name tells,")
    hold("sha256", record.get("sha256"), sha256, "SHA-256")
    opened, content, parity = None, None, None
    try:
        opened = open_checkpoint(path, model)
        content = content_sha256(opened.tensors)
        told = record if expected is not None else opened.record
        hold("content_sha256", told.get("content_sha256"), content, "content's SHA-256")
        if not problems:
            parity = prove_checkpoint(opened, reference, sizes)
    except ParityError as error:
        parity = error.parity
        problems.append(str(error))
    except _FAULTS as error:
        problems.append(str(error).removeprefix(f"{path}: "))
    return Verification(
        model=opened.entry.name if opened is not None else None,
        file=str(path),
        sha256=sha256,
        bytes=size,
        content_sha256=content,
        compared=tuple(compared),
        parity=parity,
        problems=tuple(problems),
    )


def prove_checkpoint(
    checkpoint: Checkpoint, reference: str, sizes: Sequence[Size] | None = None
) -> Parity:
    """Parity of the weights in a file: Gluon's network gets them back by the key map.

    Raises:
        ParityError: it does not hold.
        KeyMapError: the weights are not sound.
    """
    from .to_gluon import gluon_arrays

    arrays = gluon_arrays(checkpoint)
    headless = not checkpoint.num_classes
    fitted = fit(checkpoint.entry, describe_arrays(arrays), headless=headless).require()
    converted = assemble(fitted, arrays)
    # not what was made of the arrays again, but what stands in the file
    return prove(replace(converted, tensors=checkpoint.tensors), reference, sizes)


def _hash(path: Path) -> tuple[str, int]:
    from .formats.reading import weights_file

    weights = weights_file(path)
    try:
        return file_sha256(weights), weights.stat().st_size
    except OSError as error:
        raise CheckpointError(f"{weights}: cannot be read ({error.strerror})") from error
