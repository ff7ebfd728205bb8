"""The timm-folder format, for `timm.create_model('local-dir:…', pretrained=True)` and the Hub."""

from __future__ import annotations

import json
from typing import Any

from ...files.atomic_file import staging, write_text
from ...mappings.catalog import load_catalog
from ...mappings.class_labels import recorded_labels
from ...mappings.key_map import load_keymap
from ...mappings.layout import load_layout
from ..model_card import is_published_file, model_card
from ..record import Record, WrittenFile
from .job import Job
from .safetensors import fill_safetensors

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
CODE = """import timm, torch

network = timm.create_model("local-dir:path/of/this/folder", pretrained=True)
"""


def write_timm_folder(job: Job) -> WrittenFile:
    """Write `folder/name-<hash>/`: config.json, model.safetensors and README.md.

    Raises:
        UnknownModelError: If timm does not have the network.
        CheckpointError: If the folder is not writable.
    """
    config = timm_config(job.record)
    fix = load_layout("timm").networks[job.record.model].fix or ""
    with staging(job.folder) as staged:
        temporary = staged / "folder"
        temporary.mkdir()
        sha256 = fill_safetensors(job, temporary / WEIGHTS)
        size = (temporary / WEIGHTS).stat().st_size
        write_text(config, temporary / CONFIG)
        write_text(model_card(job.record, CODE + fix), temporary / CARD)
        target = job.named(sha256, "")
        temporary.rename(staged / target.name)
    return WrittenFile("timm-folder", str(target), sha256, size)


def timm_config(record: Record) -> str:
    """Return timm's config.json, the network and its preprocessing (timm/models/_hub.py), as text.

    Raises:
        UnknownModelError: If timm does not have the network.
    """
    entry = load_catalog()[record.model]
    keymap = load_keymap(entry.family)
    images = record.preprocessing
    config: dict[str, Any] = {
        "architecture": load_layout("timm").row(entry).build,
        "num_classes": record.num_classes,
        "num_features": record.num_features,
        "global_pool": "avg",
        "pretrained_cfg": {
            "tag": "gluon_in1k" if is_published_file(record) else "gluon",
            "custom_load": False,
            "input_size": (record.in_chans, *images.input_size),
            "fixed_input_size": False,
            "interpolation": images.interpolation,
            "crop_pct": images.crop_pct,
            "crop_mode": "center",
            "mean": images.mean,
            "std": images.std,
            "num_classes": record.num_classes,
            "first_conv": keymap.first_conv,
            "classifier": keymap.classifier,
        },
    }
    if record.in_chans != 3:
        config["model_args"] = {"in_chans": record.in_chans}
    if is_published_file(record):
        config["pretrained_cfg"]["license"] = load_catalog().licence
    labels = recorded_labels(record.labels)
    if labels is not None:
        config["label_names"] = labels.ids
        config["label_descriptions"] = dict(zip(labels.ids, labels.names, strict=True))
    return json.dumps(config, indent=2, ensure_ascii=False) + "\n"
