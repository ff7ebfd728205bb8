"""A repository on the Hub for each model: sent, collected, and loaded by timm and by us.

huggingface_hub and timm are the real ones; the Hub is a stand-in on loopback.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from gluon2torch import convert, open_checkpoint
from gluon2torch.errors import ConversionError, UploadError
from gluon2torch.mappings.catalog import load_catalog
from gluon2torch.release.target import parse_target
from gluon2torch.sources.params_writer import write_params

from .conftest import images, random_network
from .folders import PROVED, TINY, edit, make_release, make_weights, run
from .stand_in_hub import TIME, Hub, Repository, serving
from .test_upload_hub import run_python, send

OWNER = "hf:somebody"
NAMES = ("resnet18_v1b", "cifar_resnet20_v1")  # timm has the first, and not the second
# what users run; the names of the repositories, and the images, are arguments
LOAD = """
import sys
from tests.conftest import import_client
timm = import_client("timm")
import numpy as np, torch
from gluon2torch import ConversionError, open_checkpoint
from gluon2torch.cli import main

theirs, ours, images, out = sys.argv[1:]
images = torch.from_numpy(np.load(images))
networks = {
    "timm": timm.create_model(f"hf-hub:{theirs}", pretrained=True),
    "theirs": open_checkpoint(f"hf:{theirs}").network(),
    "ours": open_checkpoint(f"hf:{ours}@main").network(),
}
with torch.inference_mode():
    np.savez(out, **{key: net.eval().double()(images) for key, net in networks.items()})
try:
    open_checkpoint("hf:somebody/else")
except ConversionError as error:
    print(type(error).__name__, error)
main(["verify", f"hf:{theirs}", "--reference", "none"])
"""


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving() as hub:
        yield hub


def writes(hub: Hub) -> list[str]:
    return [call for call in hub.calls if call.split()[0] not in ("GET", "HEAD")]


def front_matter(card: bytes) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(card.decode().split("---\n")[1])
    return content


@pytest.mark.timm
@pytest.mark.huggingface_hub
@pytest.mark.costly
def test_timm_and_open_checkpoint_load_what_was_sent(hub: Hub, tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    for name in NAMES:
        write_params(tmp_path / f"{name}.params", random_network(name).arrays)
        made = convert(name, params=tmp_path / f"{name}.params", reference="none", out=weights)
        source = {"kind": "pretrained", "url": "http://x/y.zip", "sha1": load_catalog()[name].sha1}
        edit(Path(made.file).with_suffix(".json"), parity=PROVED, source=source)
    release = make_release(tmp_path / "release", weights, *NAMES)
    done = send(release, hub, to=OWNER)
    assert done.returncode == 0, done.stderr
    theirs, ours = hub.repositories
    assert (theirs, ours) == ("somebody/gluon_resnet18_v1b", "somebody/gluon_cifar_resnet20_v1")
    files = hub.repositories[theirs].files
    assert sorted(files) == ["README.md", "config.json", "model.safetensors", "record.json"]
    assert sorted(hub.repositories[ours].files) == ["README.md", "model.safetensors", "record.json"]
    (index,) = front_matter(files["README.md"])["model-index"]
    accuracy = index["results"][0]["metrics"][0]
    assert accuracy["value"] == load_catalog()["resnet18_v1b"].top1
    assert f'timm.create_model("hf-hub:{theirs}", pretrained=True)' in files["README.md"].decode()
    card = hub.repositories[ours].files["README.md"].decode()
    assert f'open_checkpoint("hf:{ours}").network()' in card
    (collection,) = hub.collections.values()
    assert collection["title"] == "MXNet Gluon's networks in PyTorch"
    assert [item["id"] for item in collection["items"]] == [theirs, ours]
    record = json.loads(files["record.json"])
    assert (record["parity"], record["file"]) == (PROVED, "model.safetensors")
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".writing")]

    np.save(tmp_path / "images.npy", images((64, 64)))
    arguments = (theirs, ours, str(tmp_path / "images.npy"), str(tmp_path / "logits.npz"))
    done = run_python(tmp_path, hub, "-c", LOAD, *arguments)
    assert done.returncode == 0, done.stderr
    assert "DownloadError hf:somebody/else: cannot be downloaded from the Hub (" in done.stdout
    assert ": matches its sha256, content_sha256, name, family, parameters, " in done.stdout
    with np.load(tmp_path / "logits.npz") as file:
        found = dict(file)
    for key, name in (("timm", NAMES[0]), ("theirs", NAMES[0]), ("ours", NAMES[1])):
        with torch.inference_mode():
            expected = (
                random_network(name)
                .network()
                .eval()
                .double()(torch.from_numpy(images((64, 64))))
                .numpy()
            )
        assert np.abs(found[key] - expected).max() <= 1e-13 * np.abs(expected).max()
        assert np.ptp(expected) > 0.01 * np.abs(expected).max()


@pytest.mark.huggingface_hub
@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # the library's own
def test_a_failure_names_the_repository_and_a_rerun_sends_the_rest(
    local_hub: Hub, tmp_path: Path
) -> None:
    release = make_release(tmp_path / "release", make_weights(tmp_path / "weights", *TINY), *TINY)
    first, second = (f"somebody/gluon_{name}" for name in TINY)
    others = [f"somebody/other{number}" for number in range(6)]
    local_hub.repositories |= {name: Repository() for name in others}
    row = {"title": "Mine", "description": None, "lastUpdated": TIME, "position": 0}
    more = {"private": False, "theme": "green", "upvotes": 0, "owner": {"name": "somebody"}}
    items = [
        {"_id": f"{number:024x}", "position": number, "id": name, "type": "model"}
        for number, name in enumerate([*others, first])  # a list of collections has the first four
    ]
    local_hub.collections["somebody/1"] = {"slug": "somebody/1", "items": items, **row, **more}
    local_hub.refused = {second}

    command = ("release", release, "--upload", OWNER, "--collection", "Mine")
    done = run(*command, "--dry-run")
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    for line, start in zip(
        lines, ("create", "commit 3 files", "create", "commit 3 files", "add to "), strict=True
    ):
        assert line.startswith(f"would {start}")
    assert lines[-1] == f"would add to the collection 'Mine': {second}"
    assert writes(local_hub) == []

    done = run(*command)
    assert done.exit_code == 1
    assert "Traceback" not in done.stderr
    (line,) = [each for each in done.stderr.splitlines() if each.startswith("Error: ")]
    assert line.startswith(f"Error: hf:{second}: the Hub refused or is unreachable (")
    assert line.endswith("; the same command sends what is missing")
    assert "You have read access only" in line
    assert local_hub.repositories[first].commits == 1

    local_hub.refused, local_hub.calls = set(), []
    done = run(*command)
    assert done.exit_code == 0, done.stderr
    assert not any(first in call for call in writes(local_hub))
    weights = local_hub.repositories[second].files["model.safetensors"]
    assert len(local_hub.store) == 2
    assert weights in local_hub.store.values()
    assert [item["id"] for item in items] == [*others, first, second]

    local_hub.calls = []
    done = run(*command)
    assert (done.exit_code, writes(local_hub)) == (0, []), done.stderr
    assert done.stdout == f"nothing to do: {OWNER} already has all of {release}\n"


def test_addresses() -> None:
    assert parse_target(OWNER).each_model
    assert parse_target(OWNER).of_model("x") == parse_target("hf:somebody/x")
    assert not parse_target("github:somebody/networks@v1").each_model
    with pytest.raises(UploadError, match="or hf:OWNER for a repository per model"):
        parse_target("hf:")
    with pytest.raises(ConversionError, match="hf:somebody: is not a repository on the Hub"):
        open_checkpoint(OWNER)
