"""Is a checkpoint what it was? Its hashes, and parity measured again from the file itself."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CheckpointError, KeyMapError, LabelsError, ParityError, UnknownModelError
from ..files.hashes import file_sha256
from ..mapping.assignment import array_specs
from ..mapping.fit import fit
from ..mappings.catalog import Size
from ..parity.proof import choose_reference, prove
from ..parity.result import Parity
from ..weights.converted import assemble
from .record import RecordedFacts, read_record

if TYPE_CHECKING:
    from .checkpoint import Checkpoint

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
    expected: RecordedFacts | None = None,
    reference: str = "auto",
    sizes: Sequence[Size] | None = None,
) -> Verification:
    """Hold a checkpoint against its record and its name, and measure parity from it.

    Parity is not measured where a hash already differs.

    Args:
        model: which network it is, where its record is lost.
        expected: the hashes as they should be; by default those of the file's record.
        reference, sizes: as in `gluon2torch.convert`.

    Raises:
        MissingDependencyError: there is no reference to measure against.
        CheckpointError: there is no such file, or its record is none.
        ImageSizeError: the reference does not compute at that size.
    """
    from ..weights.content_hash import content_sha256
    from .checkpoint import open_checkpoint

    path = Path(path)
    reference = choose_reference(reference)
    sha256, size = _hash(path)
    record = expected or read_record(path) or RecordedFacts()
    compared, problems = [], []

    def hold(what: str, wanted: str | None, found: str, who: str) -> None:
        if wanted is not None:
            compared.append(what)
            short = what == "name"  # it has the first digits alone
            if (found[: len(wanted)] if short else found) != wanted:
                problems.append(f"its {who} is {found}; {wanted} was expected")

    digits = _DIGITS.search(path.name)
    hold(
        "name", digits[1] if digits else None, sha256, "SHA-256, whose first digits its name tells,"
    )
    hold("sha256", record.sha256, sha256, "SHA-256")
    opened, content, parity = None, None, None
    try:
        opened = open_checkpoint(path, model)
        content = content_sha256(opened.tensors)
        told = expected or opened.record
        hold("content_sha256", told.content_sha256, content, "content's SHA-256")
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
    headless = not checkpoint.num_classes
    arrays = checkpoint.gluon_arrays()
    fitted = fit(checkpoint.entry, array_specs(arrays), headless=headless).require()
    converted = assemble(fitted, arrays)
    # not what was made of the arrays again, but what stands in the file
    return prove(replace(converted, tensors=checkpoint.tensors), reference, sizes)


def _hash(path: Path) -> tuple[str, int]:
    from .weights_file import weights_file

    weights = weights_file(path)
    try:
        return file_sha256(weights), weights.stat().st_size
    except OSError as error:
        raise CheckpointError(f"{weights}: cannot be read ({error.strerror})") from error
