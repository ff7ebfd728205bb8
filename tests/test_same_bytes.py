"""Equal weights give the bytes that earlier versions gave, whatever has become faster since."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest
import torch

from gluon2torch.pipeline.conversion import convert

# of what torch writes for one tensor: other versions of torch write other bytes around the values
TORCHS = "80ba50b7d3ca968b"
# of networks with the random weights of seed 0: content, .pth and .safetensors
RECORDED = [
    ("cifar_resnet20_v1", "9e8f4d51a8e02662", "af3467a11438e8ea", "7f30533642936777"),
    ("resnet50_v1d_0.11", "b01cf83071861470", "f7c01a3474a9fa19", "8441ae518aac7c63"),
    ("resnet18_v1", "ec7def5ca314dc1f", "c5002e3881e1f406", "634accce4f51f9ca"),
    ("se_resnet18_v2", "9affcef2026f6722", "0e81c3f13dea8ffb", "ab15e7f69b7a5249"),
    ("resnest14", "71862fc0df3f56f1", "8f0a076ad674b732", "d3266454ab31a237"),
]


def torchs_own() -> str:
    file = io.BytesIO()
    torch.save({"weight": torch.arange(3.0)}, file)
    return hashlib.sha256(file.getvalue()).hexdigest()[:16]


@pytest.mark.parametrize(("name", "content", "pth", "safetensors"), RECORDED)
def test_files_have_the_recorded_hashes(
    name: str, content: str, pth: str, safetensors: str, tmp_path: Path
) -> None:
    formats = ["pth", "safetensors"]
    record = convert(name, init="random", out=tmp_path, reference="none", formats=formats)
    assert record.content_sha256[:16] == content
    files = {each.format: each.sha256[:16] for each in record.files}
    assert files["safetensors"] == safetensors
    if torchs_own() == TORCHS:
        assert files["pth"] == pth
    for each in record.files:
        assert hashlib.sha256(Path(each.file).read_bytes()).hexdigest() == each.sha256
