"""Verification of a checkpoint: its hashes, and parity measured again from the file."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CheckpointError, KeyMapError, LabelsError, ParityError, UnknownModelError
from ..files.hashes import HASH_DIGITS, file_sha256
from ..mapping.assignment import array_specs
from ..mapping.fit import fit
from ..mappings.catalog import Size
from ..parity.proof import choose_reference, prove
from ..parity.result import Parity
from ..weights.converted import assemble
from .metadata import facts_sha256
from .recorded_facts import RecordedFacts, read_record, read_whole_record

if TYPE_CHECKING:
    from .checkpoint import Checkpoint

_DIGITS = re.compile(rf"-([0-9a-f]{{{HASH_DIGITS}}})(\.[a-z0-9]+)?$")  # in a file name
_FAULTS = (CheckpointError, KeyMapError, LabelsError, UnknownModelError)


@dataclass(frozen=True)
class Verification:
    """Result of the verification of one checkpoint.

    Attributes:
        model: GluonCV's name of the network; None if the file could not be opened.
        file: Path of the checkpoint.
        sha256: SHA-256 of the weights' file.
        bytes: Size of the weights' file.
        content_sha256: Content hash of the weights; None if the file could not be opened.
        compared: The claims that could be checked: `digits`, the hash digits in the file name;
            `sha256` and `content_sha256`, the hashes in the record; and fields of the record that
            can be read from the weights.
        parity: The parity measured now; None if it was not measured because of another problem.
        problems: All problems, one line each.
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
        """Whether there are no problems."""
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        """Return the result as `--json` prints it."""
        return {**asdict(self), "passed": self.passed}


class Claims:
    """What a file's name and record say of it, compared with what is in it.

    Attributes:
        compared: Names of the claims that could be checked.
        problems: Those that are wrong, one line each.
    """

    def __init__(self) -> None:
        self.compared: list[str] = []
        self.problems: list[str] = []

    def check(self, key: str, value: object, actual: object, label: str) -> None:
        """Compare a claim, unless it is missing (None)."""
        if value is None:
            return
        self.compared.append(key)
        text = str(actual)
        # a file name has only the first digits
        if (text[: len(str(value))] if key.endswith("digits") else text) != str(value):
            self.problems.append(f"its {label} is {actual}; expected {value}")

    def result(
        self,
        path: Path,
        sha256: str,
        size: int,
        model: str | None,
        content: str | None,
        parity: Parity | None,
    ) -> Verification:
        """The result for a file of this hash and size, whose content has another."""
        return Verification(
            model=model,
            file=str(path),
            sha256=sha256,
            bytes=size,
            content_sha256=content,
            compared=tuple(self.compared),
            parity=parity,
            problems=tuple(self.problems),
        )

    def check_file(self, path: Path, sha256: str, record: RecordedFacts) -> None:
        """Compare the hash of a file with its name and its record."""
        self.check_name(path, sha256)
        self.check("sha256", record.sha256, sha256, "SHA-256")

    def check_name(self, path: Path, sha256: str, what: str = "") -> None:
        """Compare the hash of a file with the digits in its name.

        Args:
            what: What it is of the file that is verified, if it is another.
        """
        digits = _DIGITS.search(path.name)
        key, whose = (f"{what} digits", f"{what}' ") if what else ("digits", "")
        label = f"{whose}SHA-256, whose first digits are in the file name,"
        self.check(key, digits[1] if digits else None, sha256, label)


def verify(
    path: str | os.PathLike[str],
    model: str | None = None,
    *,
    expected: RecordedFacts | None = None,
    reference: str = "auto",
    sizes: Sequence[Size] | None = None,
) -> Verification:
    """Compare a checkpoint with its record and its file name, and measure its parity.

    Parity is not measured if a hash differs.

    Args:
        path: Path of the checkpoint, or its address on the Hub, as in `open_checkpoint`.
        model: Name of the network; needed only if the record is missing.
        expected: Facts with the expected hashes; by default those in the file's record.
        reference, sizes: As in `gluon2torch.convert`.

    Raises:
        MissingDependencyError: If the libraries of the reference are not installed.
        CheckpointError: If the file does not exist, or its record is invalid.
        ImageSizeError: If the reference cannot run on images of that size.
    """
    from ..weights.content_hash import content_sha256
    from .checkpoint import open_checkpoint
    from .weights_file import local_path

    path = local_path(path)
    reference = choose_reference(reference)
    sha256, size = hash_file(path)
    record = expected or read_record(path) or RecordedFacts()
    claims = Claims()
    claims.check_file(path, sha256, record)
    problems = claims.problems
    opened, content, parity = None, None, None
    try:
        opened = open_checkpoint(path, model)
        content = content_sha256(opened.tensors)
        facts = expected or opened.record
        claims.check("content_sha256", facts.content_sha256, content, "content SHA-256")
        for field, actual in _facts(opened).items():
            claims.check(field, getattr(facts, field), actual, field)
        if expected is None and not problems and (whole := read_whole_record(path)) is not None:
            claims.check(
                "facts_sha256",
                whole.facts_sha256,
                facts_sha256(whole),
                "record's hash of its facts",
            )
        if not problems:
            parity = prove_checkpoint(opened, reference, sizes)
    except ParityError as error:
        parity = error.parity
        problems.append(str(error))
    except _FAULTS as error:
        problems.append(str(error).removeprefix(f"{path}: "))
    name = opened.entry.name if opened is not None else None
    return claims.result(path, sha256, size, name, content, parity)


def _facts(checkpoint: Checkpoint) -> dict[str, Any]:
    """What a record says that can be read from the weights, too."""
    network = checkpoint.network()
    return {
        "name": checkpoint.entry.published,
        "family": checkpoint.entry.family,
        "parameters": sum(each.numel() for each in network.parameters()),
        "num_classes": checkpoint.num_classes,
        "in_chans": checkpoint.in_chans,
        "num_features": network.num_features,
    }


def prove_checkpoint(
    checkpoint: Checkpoint, reference: str, sizes: Sequence[Size] | None = None
) -> Parity:
    """Measure parity of the weights in a file; the key map converts them back for the reference.

    Raises:
        ParityError: If parity does not hold.
        KeyMapError: If the weights are invalid.
    """
    headless = not checkpoint.num_classes
    arrays = checkpoint.gluon_arrays()
    fitted = fit(checkpoint.entry, array_specs(arrays), headless=headless).require()
    converted = assemble(fitted, arrays, allow_nonfinite=reference == "none")
    # prove the tensors in the file, not those converted again from the arrays
    values = {name: tensor.detach().numpy() for name, tensor in checkpoint.tensors.items()}
    return prove(replace(converted, values=values), reference, sizes)


def hash_file(path: Path) -> tuple[str, int]:
    """SHA-256 and size of the weights' file.

    Raises:
        CheckpointError: If it cannot be read.
    """
    from .weights_file import weights_file

    weights = weights_file(path)
    try:
        return file_sha256(weights), weights.stat().st_size
    except OSError as error:
        raise CheckpointError(f"{weights}: cannot be read ({error.strerror})") from error
