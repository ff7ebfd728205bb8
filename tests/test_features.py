"""features: the arrays that are written, against the network's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gluon2torch.checkpoints.checkpoint import open_checkpoint
from gluon2torch.errors import ImageError
from gluon2torch.inference.feature_extraction import extract_features
from gluon2torch.inference.images.normalisation import normalise
from gluon2torch.inference.images.presets import make_crop
from gluon2torch.inference.prediction import predict
from gluon2torch.inference.validation import validate
from gluon2torch.models import create_model

from .images import encode, noise, run

OPTIONS = ("--device", "cpu", "--workers", "0", "--batch-size", "2")


def make_images(folder: Path, count: int = 3) -> list[Path]:
    paths = [folder / f"{number}.png" for number in range(count)]
    folder.mkdir()
    for number, path in enumerate(paths):
        path.write_bytes(encode(Image.fromarray(noise(40, 50, number)), "PNG"))
    return paths


def test_features_are_the_networks_own(untrained: Path, tmp_path: Path) -> None:
    paths = make_images(tmp_path / "images")
    out, maps = tmp_path / "out.npz", tmp_path / "maps.npz"
    result = run("features", untrained, tmp_path / "images", "-o", out, *OPTIONS, "--json", "-")
    assert json.loads(result.output) == [
        {"file": str(out), "images": 3, "arrays": {"features": [3, 64]}, "skipped": 0}
    ]
    result = run("features", untrained, *paths, "-o", maps, "--stages", *OPTIONS)
    assert result.output.splitlines()[1:] == [
        "  stem       3x16x32x32",
        "  stage1     3x16x32x32",
        "  stage2     3x32x16x16",
        "  stage3     3x64x8x8",
    ]
    opened = open_checkpoint(untrained)
    crop, network = make_crop(opened.preprocessing), opened.network()
    pixels = torch.stack([torch.from_numpy(crop(noise(40, 50, n)).copy()) for n in range(3)])
    with torch.inference_mode():
        last = network.forward_features(normalise(pixels, opened.preprocessing))
        pooled = network.forward_head(last, pre_logits=True)
    with np.load(out) as pooled_file, np.load(maps) as maps_file:
        assert pooled_file["images"].tolist() == list(map(str, paths))
        assert pooled_file["features"].dtype == np.float32
        np.testing.assert_allclose(pooled_file["features"], pooled.numpy(), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(maps_file["stage3"], last.numpy(), atol=1e-5 * float(last.max()))
    again = extract_features(untrained, paths, workers=0).arrays["features"]
    np.testing.assert_allclose(again, pooled.numpy(), rtol=1e-5, atol=1e-6)


def test_a_broken_image_is_reported_and_left_out(untrained: Path, tmp_path: Path) -> None:
    paths = make_images(tmp_path / "images")
    paths[1].write_bytes(b"broken")
    out = tmp_path / "out.npz"
    result = run("features", untrained, *paths, "-o", out, *OPTIONS)
    assert result.exit_code == 1
    assert f"Error: {paths[1]}: is not a valid image" in result.output
    with np.load(out) as file:
        assert file["images"].tolist() == [str(paths[0]), str(paths[2])]
        assert file["features"].shape == (2, 64)
    out.unlink()
    result = run("features", untrained, paths[1], "-o", out, *OPTIONS)
    assert result.exit_code == 1
    assert "Error: none of the images can be read; the first: " in result.output
    assert f"{paths[1].name}: is not a valid image" in result.output
    assert not out.exists()
    with pytest.raises(ImageError, match=r"none of the images .* first: .*1\.png: is not a valid"):
        extract_features(untrained, [paths[1]], workers=0)
    with pytest.raises(ImageError, match="there are no images; give files"):
        extract_features(untrained, [], workers=0)


def test_a_single_path_need_not_be_in_a_list(untrained: Path, tmp_path: Path) -> None:
    (path,) = make_images(tmp_path / "images", 1)
    for each in (path, str(path), path.parent, str(path.parent)):
        found = extract_features(untrained, each, workers=0)
        assert found.images == (str(path),)
        assert [prediction.image for prediction in predict(untrained, each)] == [str(path)]


@pytest.mark.parametrize("size", [0, -1, 1.5])
def test_a_batch_size_below_one_is_refused(size: Any, untrained: Path, tmp_path: Path) -> None:
    images = tmp_path / "images"
    make_images(images, 1)
    message = f"batch_size is {size}; it must be a whole number, at least 1"
    with pytest.raises(ValueError, match=message):
        extract_features(untrained, images, batch_size=size, workers=0)
    lines = tmp_path / "lines.txt"
    lines.write_text("images/0.png 0\n")
    with pytest.raises(ValueError, match=message):
        validate(untrained, lines, batch_size=size, workers=0)


def test_a_trunk_gives_features_and_half_precision_becomes_float32(tmp_path: Path) -> None:
    (path,) = make_images(tmp_path / "images", 1)
    trunk = tmp_path / "trunk.pth"
    torch.save(create_model("cifar_resnet20_v1", num_classes=0).state_dict(), trunk)
    out = tmp_path / "out.npz"
    for options in ([], ["--amp"]):
        result = run(
            "features", trunk, path, "-o", out, "--model", "cifar_resnet20_v1", *OPTIONS, *options
        )
        assert result.exit_code == 0, result.output
        with np.load(out) as file:
            assert (file["features"].shape, file["features"].dtype) == ((1, 64), np.float32)


def test_where_nothing_can_be_written(untrained: Path, tmp_path: Path) -> None:
    (path,) = make_images(tmp_path / "images", 1)
    result = run("features", untrained, path, "-o", path / "out.npz", *OPTIONS)
    assert result.exit_code == 2
    assert f"{path.name} is not a folder" in " ".join(result.output.split())
