"""A folder to publish: built whole, the same every time, and every change in it is named."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from gluon2torch.checkpoints.metadata import facts_sha256
from gluon2torch.errors import DownloadError, ReleaseError
from gluon2torch.mappings.catalog import load_catalog
from gluon2torch.release.choice import choose
from gluon2torch.release.contents import generate, read_manifest
from gluon2torch.release.folder import build
from gluon2torch.release.torch_hub import load_published

from .folders import PROVED, TINY, edit, flip, make_release, make_weights, run, seal

ONE = ("--model", TINY[0])
PUBLISHED = {"kind": "pretrained", "path": "elsewhere/x.params", "url": "http://x/y.zip"}
SHA1 = {f"gluon_{name}": load_catalog()[name].sha1 for name in TINY}


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return make_weights(tmp_path / "weights")


@pytest.fixture
def release(tmp_path: Path, weights: Path) -> Path:
    return make_release(tmp_path / "release", weights)


def checkpoint(folder: Path) -> Path:
    (path,) = folder.glob("*.pth")
    return path


def front_matter(path: Path) -> dict[str, Any]:
    _, text, _ = path.read_text().split("---\n", 2)
    content: dict[str, Any] = yaml.safe_load(text)
    return content


def test_a_folder_has_all_that_is_published(tmp_path: Path) -> None:
    weights = make_weights(tmp_path / "weights", *TINY)
    for record in weights.glob("*.json"):
        source = {**PUBLISHED, "sha1": SHA1[record.name.rpartition("-")[0]], "seed": None}
        edit(record, source=source, seconds={"total": 1.25}, load="secret")
    release = make_release(tmp_path / "release", weights, *TINY)
    one, other = sorted(path.name for path in release.glob("*.pth"))
    assert sorted(path.name for path in release.iterdir()) == [
        *("README.md", "RELEASE_NOTES.md", "SHA256SUMS", one, "gluon_cifar_resnet20_v1.md", other),
        *("gluon_cifar_resnet56_v1.md", "manifest.json"),
    ]
    subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=release, check=True)
    assert len((release / "SHA256SUMS").read_text().splitlines()) == 7

    text = (release / "manifest.json").read_text()
    assert not {"seconds", PUBLISHED["path"], "secret", str(tmp_path)} & {*text.split('"')}
    row = json.loads(text)["models"]["gluon_cifar_resnet20_v1"]
    assert row["file"] == one
    assert row["sha256"][:8] == one[-12:-4]
    assert row["bytes"] == (release / one).stat().st_size
    assert row["source"] == {
        "kind": "pretrained",
        "url": "http://x/y.zip",
        "sha1": SHA1["gluon_cifar_resnet20_v1"],
        "seed": None,
    }
    assert row["parity"] == PROVED
    facts = ("parameters", "num_classes", "licence", "top1", "top5")
    assert [row[key] for key in facts] == [272474, 10, "apache-2.0", 92.1, None]
    assert {"gluon2torch", "torch", "numpy"} <= row["versions"].keys()

    card = front_matter(release / "gluon_cifar_resnet20_v1.md")
    assert card["license"] == "apache-2.0"
    ((metric, *costs),) = [row["results"][0]["metrics"] for row in card["model-index"]]
    assert metric == {"type": "accuracy", "name": "Top-1 accuracy", "value": 92.1}
    assert {each["type"]: each["value"] for each in costs} == {
        "multiply-adds": 40_813_184,
        "flops": 81_626_368,
        "activations": 200_714,
        "file-size": row["bytes"],
    }
    assert row["costs"]["flops"] == 81_626_368
    both = front_matter(release / "README.md")
    assert [row["name"] for row in both["model-index"]] == [f"gluon_{name}" for name in TINY]
    notes = (release / "RELEASE_NOTES.md").read_text()
    cells = ("0.27 M", "40.81 M", "92.10 %", "–", "1.0e-15", "3.0e-07", f"`{one}`", "1.1")
    line = f"| gluon_cifar_resnet20_v1 | {' | '.join(cells)} |"
    assert line in notes.splitlines()
    assert "Random" not in notes


def test_a_card_of_ones_own_weights_claims_no_accuracy(release: Path) -> None:
    card = front_matter(release / "gluon_cifar_resnet20_v1.md")
    assert not {"license", "datasets", "model-index"} & card.keys()
    row = json.loads((release / "manifest.json").read_text())["models"]["gluon_cifar_resnet20_v1"]
    assert (row["licence"], row["top1"]) == (None, None)


def test_equal_inputs_make_equal_bytes(tmp_path: Path) -> None:
    contents = []
    for place in ("a", "b/c"):
        weights = make_weights(tmp_path / place / "weights")
        for path in weights.iterdir():
            os.utime(path, (1e9, 1e9))
        release = make_release(tmp_path / place / "release", weights)
        contents.append({path.name: path.read_bytes() for path in release.iterdir()})
    assert contents[0] == contents[1]


def spoil_source(weights: Path, record: Path) -> None:
    edit(record, source={"kind": "random", "seed": 0})


def spoil_claim(weights: Path, record: Path) -> None:
    """Random weights whose record was edited to be the published ones."""
    edit(record, source={"kind": "random", "seed": 0})
    sha1 = SHA1["gluon_cifar_resnet20_v1"]
    edit(record, sealed=False, source={**PUBLISHED, "sha1": sha1, "seed": None})


def spoil_other_file(weights: Path, record: Path) -> None:
    edit(record, source={**PUBLISHED, "sha1": "5" * 40, "seed": None})


def spoil_unproved(weights: Path, record: Path) -> None:
    edit(record, parity={"reference": "none", "passed": None})


def spoil_failed(weights: Path, record: Path) -> None:
    edit(record, parity={**PROVED, "passed": False})


def spoil_gone(weights: Path, record: Path) -> None:
    checkpoint(weights).unlink()


def spoil_bit(weights: Path, record: Path) -> None:
    flip(checkpoint(weights), 5000)


def spoil_name(weights: Path, record: Path) -> None:
    checkpoint(weights).rename(weights / "gluon_mine.pth")
    record.rename(weights / "gluon_mine.json")


def spoil_record(weights: Path, record: Path) -> None:
    record.write_text("{")


def spoil_type(weights: Path, record: Path) -> None:
    edit(record, sealed=False, parameters="many")


def spoil_layout(weights: Path, record: Path) -> None:
    edit(record, layout="mmpretrain")


def spoil_all(weights: Path, record: Path) -> None:
    shutil.rmtree(weights)


def spoil_twice(weights: Path, record: Path) -> None:
    network = torch.load(checkpoint(weights), weights_only=True)
    network["fc.bias"] += 1
    from gluon2torch.files.hashes import file_sha256

    torch.save(network, weights / "x")
    sha256 = file_sha256(weights / "x")
    second = weights / f"gluon_cifar_resnet20_v1-{sha256[:8]}.pth"
    (weights / "x").rename(second)
    shutil.copy(record, second.with_suffix(".json"))
    (file,) = json.loads(record.read_text())["files"]
    edit(second.with_suffix(".json"), files=[{**file, "file": second.name, "sha256": sha256}])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_source, "has random weights; publish them with `--allow-random`"),
        (spoil_claim, "it was edited, or written by another version"),
        (spoil_other_file, "is not of the published file: its SHA-1 is 5555"),
        (spoil_unproved, "was not proved equal"),
        (spoil_failed, "was not proved equal"),
        (spoil_gone, "cannot be read (No such file or directory)"),
        (spoil_bit, "; its record says "),
        (spoil_name, "is not named gluon_cifar_resnet20_v1-"),
        (spoil_record, "is not a valid record (Expecting property name"),
        (spoil_type, "is not a valid record (parameters: expected `int`, got `str`)"),
        (spoil_layout, "gluon_cifar_resnet20_v1: was not converted"),
        (spoil_all, "weights: no such folder; give the output folder"),
        (spoil_twice, "can both be published; remove one"),
    ],
)
def test_what_may_not_be_published_is_refused(
    spoil: Callable[[Path, Path], None], message: str, weights: Path, tmp_path: Path
) -> None:
    (record,) = weights.glob("*.json")
    spoil(weights, record)
    before = sorted(path.name for path in tmp_path.iterdir())
    result = run("release", tmp_path / "release", "--from", weights, *ONE)
    assert result.exit_code == 1
    assert message in result.output
    assert "Traceback" not in result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_random_weights_are_published_when_allowed_and_said_so(
    weights: Path, tmp_path: Path
) -> None:
    (record,) = weights.glob("*.json")
    spoil_source(weights, record)
    result = run("release", tmp_path / "r", "--from", weights, *ONE, "--allow-random")
    assert result.exit_code == 0, result.output
    assert (
        "of no use but to test with: gluon_cifar" in (tmp_path / "r/RELEASE_NOTES.md").read_text()
    )


def test_a_trial_beside_the_real_one_is_passed_over(weights: Path, tmp_path: Path) -> None:
    (record,) = weights.glob("*.json")
    spoil_twice(weights, record)
    spoil_source(weights, record)
    release = make_release(tmp_path / "release", weights)
    assert checkpoint(release).with_suffix(".json").name != record.name
    result = run("release", tmp_path / "r", "--from", weights, *ONE, "--allow-random")
    assert "can both be published" in result.output


def test_checkpoints_are_taken_from_several_folders(tmp_path: Path) -> None:
    one = make_weights(tmp_path / "one", TINY[0])
    other = make_weights(tmp_path / "other", *TINY)  # has the first one's, too
    models = [text for name in TINY for text in ("--model", name)]
    options = ["--from", one, "--from", other, *models, "--allow-random"]
    result = run("release", tmp_path / "release", *options)
    assert result.exit_code == 0, result.output
    assert len([*(tmp_path / "release").glob("*.pth")]) == 2
    result = run("release", tmp_path / "r", *options, "--from", tmp_path / "none")
    assert f"{tmp_path / 'none'}: no such folder" in result.output


def test_what_is_missing_of_the_published_set_is_named(weights: Path, tmp_path: Path) -> None:
    result = run("release", tmp_path / "release", "--from", weights, "--json", "-")
    assert result.exit_code == 1
    assert "21 of 21 models cannot be published" in result.output
    for name in load_catalog().published_set:
        assert f"  {load_catalog()[name].published}: was not converted\n" in result.output


def test_a_network_of_the_zoo_has_no_release(weights: Path, tmp_path: Path) -> None:
    result = run("release", tmp_path / "dist", "--from", weights, "--model", "yolo3_darknet53_voc")
    assert result.exit_code == 1
    assert "yolo3_darknet53_voc: converted as a graph; releases are of the cat" in result.output


def test_a_folder_with_something_in_it_is_left_alone(weights: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    result = run("release", mine, "--from", weights, *ONE)
    assert (result.exit_code, "already exists" in result.output) == (1, True)
    assert [path.name for path in mine.iterdir()] == ["thesis.txt"]
    (mine / "thesis.txt").unlink()
    assert run("release", mine, "--from", weights, *ONE).exit_code == 0  # an empty one is filled


def test_options_of_building_are_refused_where_a_folder_is_only_sent(
    release: Path, weights: Path
) -> None:
    for option in ("--from", weights), ("--model", TINY[0]), ("--allow-random",):
        result = run("release", release, "--upload", "hf:owner/name", "--dry-run", *option)
        assert result.exit_code == 2
        assert f"{option[0]} is for building a folder" in result.output


def test_what_breaks_off_leaves_nothing(weights: Path, tmp_path: Path) -> None:
    choices = choose([weights], [TINY[0]])
    checkpoint(weights).unlink()
    with pytest.raises(ReleaseError, match="cannot be written"):
        build(tmp_path / "release", choices)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{TINY[0]}.params", "weights"]


def check(release: Path, *options: str) -> Any:
    return run("release", "--check", release, "--reference", "none", *options)


def test_a_sound_folder_passes(release: Path) -> None:
    result = check(release)
    assert result.exit_code == 0, result.output
    assert "matches its digits, sha256, content_sha256, name, family, parameters" in result.output
    assert "num_features; parity was not run" in result.output
    assert "6 files, all correct; 0 models proved equal" in result.output
    (report,) = json.loads(check(release, "--json", "-").output)
    assert report["passed"] is True
    assert [model["model"] for model in report["models"]] == [TINY[0]]
    assert len(report["files"]) == 6


def test_one_byte_flipped_anywhere_is_named(release: Path) -> None:
    for path in sorted(release.iterdir()):
        original = path.read_bytes()
        places = {0, 70, len(original) // 2, len(original) - 1}
        if path.name == "manifest.json":  # a digit that no other file has, and one of the card's
            places |= {original.index(b"2e-15"), original.index(b'num_classes": 10') + 15}
        for at in places:
            flip(path, at)
            result = check(release)
            assert result.exit_code == 1, (path.name, at)
            assert path.name in result.output, (path.name, at)
            assert path.name == "SHA256SUMS" or ", 1 wrong" in result.output, (path.name, at)
            path.write_bytes(original)
    assert check(release).exit_code == 0


def test_what_is_missing_or_too_much_is_named(release: Path) -> None:
    (release / "extra.txt").write_text("x")
    (release / "folder").mkdir()
    (release / "link.md").symlink_to(release / "README.md")
    (release / "RELEASE_NOTES.md").unlink()
    output = check(release).output
    for text in (
        "extra.txt: is not listed in SHA256SUMS",
        "folder: is not a regular file",
        "link.md: is not a regular file",
        "RELEASE_NOTES.md: is missing, but listed in SHA256SUMS",
        "4 wrong",
    ):
        assert text in output
    for name in ("SHA256SUMS", "manifest.json"):
        (release / name).unlink()
        assert f"{name}: is missing" in check(release).output
    assert "cannot be read (No such file" in check(release / "nowhere").output


def change_card(release: Path) -> str:
    card = release / "gluon_cifar_resnet20_v1.md"
    card.write_text(card.read_text().replace("0.27 M", "0.28 M"))
    return f"{card.name}: differs from the text generated from manifest.json"


def change_notes(release: Path) -> str:
    notes = release / "RELEASE_NOTES.md"
    notes.write_text(notes.read_text().replace("1.0e-15", "1.0e-17"))
    return f"{notes.name}: differs from the text"


def change_manifest(release: Path) -> str:
    manifest = release / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"top1": null', '"top1": 99.0'))
    return "manifest.json: differs from the text"


def change_content_hash(release: Path) -> str:
    manifest = release / "manifest.json"
    content = json.loads(manifest.read_text())
    (row,) = content["models"].values()
    row["content_sha256"] = "0" * 64
    generate_again(release, content)
    return f"{checkpoint(release).name}: its content SHA-256 is "


def generate_again(release: Path, content: dict[str, Any], *, sealed: bool = True) -> None:
    """Write all texts anew of a changed manifest, so that all but the weights agrees."""
    _, records = read_manifest(json.dumps(content))
    if sealed:
        records = [replace(each, facts_sha256=facts_sha256(each)) for each in records]
    for name, text in generate(records).items():
        (release / name).write_text(text)


def change_class_count(release: Path) -> str:
    content = json.loads((release / "manifest.json").read_text())
    (row,) = content["models"].values()
    row["num_classes"] = 11
    generate_again(release, content)
    return f"{checkpoint(release).name}: its num_classes is 10; expected 11"


def change_source(release: Path) -> str:
    content = json.loads((release / "manifest.json").read_text())
    (row,) = content["models"].values()
    row["source"] = {**PUBLISHED, "sha1": SHA1["gluon_cifar_resnet20_v1"], "seed": None}
    generate_again(release, content, sealed=False)
    return "has facts in manifest.json that do not have the hash it gives"


def change_checkpoint(release: Path) -> str:
    flip(checkpoint(release), 5000)
    return (
        f"{checkpoint(release).name}: differs from the file of gluon_cifar_resnet20_v1 in manifest"
    )


def add_a_file(release: Path) -> str:
    (release / "more.txt").write_text("x")
    return "more.txt: belongs to no model in manifest.json"


def no_manifest(release: Path) -> str:
    (release / "manifest.json").write_text("[]")
    return "manifest.json: is not a valid release manifest (expected `object`, got `array`)"


def no_models(release: Path) -> str:
    (release / "manifest.json").write_text('{"format": 1, "gluon2torch": "0", "models": {}}')
    return "manifest.json: is not a valid release manifest (it has no models)"


def another_model(release: Path) -> str:
    manifest = release / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"cifar_resnet20_v1"', '"cifar_resnet56_v1"'))
    return "models.gluon_cifar_resnet20_v1 is not the published name of cifar_resnet56_v1"


@pytest.mark.parametrize(
    "change",
    [
        *(change_card, change_notes, change_manifest, change_content_hash, change_checkpoint),
        *(change_class_count, change_source),
        *(add_a_file, no_manifest, no_models, another_model),
    ],
)
def test_a_change_with_hashes_to_match_is_named(
    change: Callable[[Path], str], release: Path
) -> None:
    message = change(release)
    seal(release)
    result = check(release)
    assert result.exit_code == 1
    assert message in result.output
    assert "1 wrong" in result.output


def test_hashes_in_another_order_are_named(release: Path) -> None:
    sums = release / "SHA256SUMS"
    sums.write_text("".join(reversed(sums.read_text().splitlines(keepends=True))))
    assert "SHA256SUMS: lists the files in another order" in check(release).output


def test_a_folder_of_another_version_is_held_against_its_hashes(release: Path) -> None:
    manifest = release / "manifest.json"
    manifest.write_text(
        manifest.read_text().replace('"gluon2torch": "0.1.0",', '"gluon2torch": "9",')
    )
    change_card(release)
    seal(release)
    result = check(release)
    assert result.exit_code == 0
    assert "written by gluon2torch 9" in result.output
    flip(release / "README.md", 9)
    assert check(release).exit_code == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--reference", "none"], "--reference needs --check"),
        (["--size", "33x25"], "--size needs --check"),
        (["--check", "--from", "w"], "--from is for building"),
        (["--check", "--model", "senet_154"], "--model is for building"),
        (["--dry-run"], "--dry-run shows what --upload would do"),
    ],
)
def test_options_that_would_do_nothing_are_wrong_usage(options: list[str], message: str) -> None:
    result = run("release", "nowhere", *options)
    assert result.exit_code == 2
    assert message in result.output


def test_torch_hub_loads_from_a_folder(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLUON2TORCH_RELEASE", str(release))
    network = load_published(TINY[0])
    weights = torch.load(checkpoint(release), weights_only=True)
    assert network.state_dict().keys() == weights.keys()
    assert all(torch.equal(network.state_dict()[key], weights[key]) for key in weights)
    flip(checkpoint(release), 5000)
    with pytest.raises(DownloadError, match="differs from the published file"):
        load_published(TINY[0])


@pytest.mark.mxnet
def test_parity_is_measured_from_the_folder(tmp_path: Path) -> None:
    weights, release = tmp_path / "weights", tmp_path / "release"
    options = ["--init", "random", "--size", "33x25", "-o", weights, "-q"]
    assert run("convert", TINY[0], *options).exit_code == 0
    assert run("release", release, "--from", weights, *ONE, "--allow-random").exit_code == 0
    result = run("release", "--check", release, "--size", "17x17", "--json", "-")
    assert result.exit_code == 0, result.output
    ((model,),) = [report["models"] for report in json.loads(result.output)]
    assert model["parity"]["passed"] is True
    assert [(row["dtype"], row["input"]) for row in model["parity"]["checks"]] == [
        ("float64", "2x3x17x17"),
        ("float32", "2x3x17x17"),
    ]
    assert all(0 < row["max_rel"] < row["limit"] for row in model["parity"]["checks"])
    flip(checkpoint(release), 5000)
    result = run("release", "--check", release, "--size", "17x17")
    assert result.exit_code == 1
    assert f"Error: {checkpoint(release)}: has the SHA-256 " in result.output
    assert "0 models proved equal" in result.output


@pytest.mark.slow
@pytest.mark.mxnet
def test_the_21_built_checked_and_one_byte_flipped(tmp_path: Path) -> None:
    weights, release = tmp_path / "weights", tmp_path / "release"
    options = ["--init", "random", "--size", "65x33", "-o", weights, "-q"]
    assert run("convert", "--all", *options).exit_code == 0
    assert run("release", release, "--from", weights, "--allow-random").exit_code == 0
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=release, check=True)
    manifest = json.loads((release / "manifest.json").read_text())
    catalog = load_catalog()
    assert list(manifest["models"]) == [catalog[name].published for name in catalog.published_set]
    assert len(list(release.glob("*.pth"))) == 21
    result = run("release", "--check", release, "--size", "65x33", "--json", "-")
    assert result.exit_code == 0, result.output
    (report,) = json.loads(result.output)
    parities = [model["parity"] for model in report["models"]]
    assert [parity["passed"] for parity in parities] == [True] * 21
    worst = {
        dtype: max(
            row["max_rel"]
            for parity in parities
            for row in parity["checks"]
            if row["dtype"] == dtype
        )
        for dtype in ("float64", "float32")
    }
    print(f"{len(report['files'])} files, worst {worst}")
    assert worst["float64"] < 1e-13
    victim = release / manifest["models"]["gluon_senet154"]["file"]
    flip(victim, victim.stat().st_size // 2)
    result = run("release", "--check", release, "--reference", "none")
    assert result.exit_code == 1
    assert f"Error: {victim}: has the SHA-256 " in result.output
    assert "1 wrong" in result.output
    # the third witness: its name
    output = run("verify", victim, "--model", "senet_154").output
    assert "whose first digits are in the file name" in output


def test_only_the_published_file_proved_has_the_published_accuracy() -> None:
    """Neither random nor fine-tuned nor unproved weights, nor another file of that kind."""
    from gluon2torch.checkpoints.model_card import front_matter, model_card
    from gluon2torch.parity.result import Parity
    from gluon2torch.release.contents import manifest_text
    from gluon2torch.sources.source import Source

    from .conftest import record

    sha1 = SHA1["gluon_cifar_resnet20_v1"]
    right, proved = Source("pretrained", sha1=sha1), Parity("gluon", True)
    cases = [
        (right, proved, True, True),
        (right, Parity("none", None), True, False),
        (right, Parity("gluon", False), True, False),
        (Source("pretrained", sha1="5" * 40), proved, False, False),
        (Source("pretrained"), proved, False, False),
        (Source("random", seed=0), proved, False, False),
        (Source("finetuned", sha1=sha1), proved, False, False),
        (Source("params", sha1=sha1), proved, False, False),
    ]
    for source, parity, licensed, accurate in cases:
        about = record(source=source, parity=parity)
        card, front = model_card(about, ""), front_matter(about)
        assert ("license" in front) is licensed, source
        assert ("model-index" in front, "92.10 %" in card) == (accurate, accurate), source
        (row,) = json.loads(manifest_text([about]))["models"].values()
        assert (row["licence"] is not None, row["top1"] == 92.1) == (licensed, accurate), source


@pytest.mark.posix
@pytest.mark.parametrize("name", ["x.txt", "gluon_cifar_resnet20_v1.MD", "é.md", "e\u0301.md"])
def test_files_that_do_not_belong_to_a_release_are_named(name: str, release: Path) -> None:
    (release / name).write_text("x")
    result = run("release", "--check", release, "--reference", "none")
    assert result.exit_code == 1
    assert f"{name}: is not listed in SHA256SUMS" in result.output


@pytest.mark.posix
def test_links_in_a_release_are_no_files(release: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.pth").write_bytes(checkpoint(release).read_bytes())
    path = checkpoint(release)
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere.pth")
    result = run("release", "--check", release, "--reference", "none")
    assert result.exit_code == 1
    assert f"{path.name}: is not a regular file" in result.output
    path.unlink()
    path.symlink_to("nowhere")
    result = run("release", "--check", release, "--reference", "none")
    assert f"{path.name}: is not a regular file" in result.output


def test_a_file_that_stands_twice_in_the_sums_is_refused(release: Path) -> None:
    sums = release / "SHA256SUMS"
    sums.write_text(sums.read_text() + sums.read_text().splitlines()[0] + "\n")
    result = run("release", "--check", release, "--reference", "none")
    assert result.exit_code == 1
    assert "SHA256SUMS" in result.output
    manifest = release / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"models": {', '"models": {}, "models": {'))
    seal(release)
    result = run("release", "--check", release, "--reference", "none")
    assert result.exit_code == 1
