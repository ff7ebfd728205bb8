"""The repository of one model on the Hub: what timm and `open_checkpoint` load, and the card."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..checkpoints.checkpoint import open_checkpoint
from ..checkpoints.formats.job import Job
from ..checkpoints.formats.safetensors import fill_safetensors
from ..checkpoints.formats.timm_folder import CARD, CONFIG, WEIGHTS, timm_config
from ..checkpoints.model_card import model_card
from ..checkpoints.record import Record, WrittenFile, to_json
from ..files.atomic_file import record_path, write_text
from ..files.hashes import file_sha256
from ..mappings.choices import OURS
from ..mappings.layout import load_layout
from .folder import PublishedFile

_OURS = """from gluon2torch import open_checkpoint

network = open_checkpoint("hf:{repository}").network()
"""
_TIMM = """import timm, torch

network = timm.create_model("hf-hub:{repository}", pretrained=True)
"""


def write_repository(
    folder: Path, release: Path, record: Record, repository: str
) -> list[PublishedFile]:
    """Write the files of a model's repository; equal releases make equal files.

    They are model.safetensors, record.json, README.md, and config.json if timm has the network.

    Args:
        folder: An empty folder to write to.
        release: The release folder with the checkpoint.
        record: Its published record.
        repository: `OWNER/NAME` on the Hub, for the code in the card.

    Raises:
        CheckpointError: The checkpoint cannot be read, or a file cannot be written.
        KeyMapError: The checkpoint has not the weights of its network.
    """
    checkpoint = open_checkpoint(release / record.file, record.model)
    job = Job(checkpoint.tensors, folder, record.name, lambda: record, checkpoint.network)
    sha256 = fill_safetensors(job, folder / WEIGHTS)
    size = (folder / WEIGHTS).stat().st_size
    code = _code(record, repository)
    written = WrittenFile("safetensors", WEIGHTS, sha256, size)
    own = replace(record, files=(written,), load=code)
    write_text(to_json(own.as_dict()), record_path(folder))
    write_text(model_card(own, code), folder / CARD)
    if record.model in load_layout(OURS).networks:
        write_text(timm_config(own), folder / CONFIG)
    return [
        PublishedFile(path.name, path.stat().st_size, file_sha256(path))
        for path in sorted(folder.iterdir())
    ]


def _code(record: Record, repository: str) -> str:
    """Code that loads the network from the Hub: with timm if it has the network, else with ours."""
    row = load_layout(OURS).networks.get(record.model)
    if row is None:
        return _OURS.format(repository=repository)
    fix = "" if row.fix is None else f"{row.fix}\n"
    return _TIMM.format(repository=repository) + fix
