"""Random data sets in COCO's layout, and GluonCV's view of them."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gluon2torch.sources.mxnet_compat import import_mxnet

NAMES = ("person", "cat", "kite", "sink")
CATEGORY_IDS = (1, 17, 38, 81)  # as in COCO: ascending, with gaps
SIZES = ((150, 200), (400, 300), (97, 61))  # height, width


def box(random: np.random.Generator, height: int, width: int) -> list[float]:
    """x0, y0, width and height, sometimes beyond the edges or without an area."""
    x0, y0 = random.uniform(-5, width - 3), random.uniform(-5, height - 3)
    sizes = random.uniform(0, width / 2), random.uniform(0, height / 2)
    return [round(float(each), 2) for each in (x0, y0, *sizes)]


def objects(random: np.random.Generator, images: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Annotations of the images; the last class never occurs."""
    annotations: list[dict[str, Any]] = []
    for image in images:
        for _ in range(random.integers(0, 6)):
            bbox = box(random, image["height"], image["width"])
            x0, y0, width, height = bbox
            corners = [x0, y0, x0 + width, y0, x0 + width, y0 + height, x0, y0 + height]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image["id"],
                    "category_id": int(random.choice(CATEGORY_IDS[:-1])),
                    "bbox": bbox,
                    "area": round(width * height * float(random.choice([0.6, 1])), 2),
                    "iscrowd": int(random.random() < 0.15),
                    "segmentation": [corners],
                }
            )
    return annotations


def write_folder(root: Path, seed: int, kind: str = "instances", annotate: Any = objects) -> Path:
    """Write a data set of a few images, and return its file of annotations."""
    random = np.random.default_rng(seed)
    (root / "val2017").mkdir(parents=True)
    (root / "annotations").mkdir()
    images = []
    for id_ in random.choice(1000, random.integers(2, 6), replace=False).tolist():
        height, width = SIZES[random.integers(len(SIZES))]
        name = f"{id_:012}.jpg"
        Image.new("RGB", (width, height)).save(root / "val2017" / name)
        images.append(
            {
                "id": id_,
                "file_name": name,
                "width": width,
                "height": height,
                "coco_url": f"http://images.example/val2017/{name}",
            }
        )
    names = NAMES if kind == "instances" else NAMES[:1]
    categories = [{"id": id_, "name": name} for id_, name in zip(CATEGORY_IDS, names, strict=False)]
    path = root / "annotations" / f"{kind}_val2017.json"
    content = {"images": images, "categories": categories, "annotations": annotate(random, images)}
    path.write_text(json.dumps(content))
    return path


def gluons_detection(root: Path) -> Any:
    """GluonCV's COCODetection of the folder, as its validation uses it."""
    import_mxnet()
    from gluoncv.data import COCODetection

    few = type("Few", (COCODetection,), {"CLASSES": list(NAMES)})
    with contextlib.redirect_stdout(io.StringIO()):
        return few(str(root), ("instances_val2017",), skip_empty=False)
