"""Pascal VOC's folder of boxes, against GluonCV's data set."""

from __future__ import annotations

import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from gluon2torch.errors import DatasetError
from gluon2torch.inference.datasets import voc_images as reader
from gluon2torch.inference.datasets.voc_images import VocImages, voc_images
from gluon2torch.inference.datasets.xml_file import MAX_BYTES, read_xml
from gluon2torch.sources.mxnet_compat import import_mxnet

from .mutated_module import mutated

# GluonCV's names are fixed
NAMES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
WIDTH, HEIGHT = 60, 40


def an_object(random: np.random.Generator) -> str:
    """An object, sometimes of another class, sometimes with a box that is not in the image."""
    name = random.choice(["Person", " car ", "tvmonitor", "unicorn"])
    x0, y0 = random.integers(0, WIDTH - 5), random.integers(0, HEIGHT - 5)
    x1, y1 = x0 + random.integers(0, WIDTH - x0 + 3), y0 + random.integers(0, HEIGHT - y0 + 3)
    difficult = random.choice(["0", "1", "1", " ", "x"])
    part = "<part><name>head</name><bndbox><xmin>3</xmin></bndbox></part>"
    return (
        f"<object><name>{name}</name>{part}<difficult>{difficult}</difficult><bndbox>"
        f"<xmax>{x1}</xmax><xmin>{x0 + random.choice([0, 0.5])}</xmin>"
        f"<ymin>{y0}</ymin><ymax>{y1}</ymax></bndbox></object>"
    )


def write_folder(root: Path, count: int = 12) -> Path:
    folder = root / "VOC2007"
    for name in ("ImageSets/Main", "Annotations", "JPEGImages"):
        (folder / name).mkdir(parents=True)
    random = np.random.default_rng(5)
    names = [f"{number:06}" for number in random.permutation(count)]
    (folder / "ImageSets" / "Main" / "test.txt").write_text("\n".join(names) + "\n")
    for name in names:
        Image.new("RGB", (WIDTH, HEIGHT)).save(folder / "JPEGImages" / f"{name}.jpg")
        objects = "".join(an_object(random) for _ in range(random.integers(0, 9)))
        size = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size>"
        annotation = f"<annotation>{size}{objects}</annotation>"
        (folder / "Annotations" / f"{name}.xml").write_text(annotation)
    return folder


def rows(images: VocImages) -> list[tuple[str, list[list[float]]]]:
    """Paths and labels as GluonCV's: corners, class, difficult."""
    found = []
    for image in images.images:
        objects = image.objects
        label = np.column_stack([objects.boxes, objects.classes, objects.difficult])
        found.append((image.path, label.tolist()))
    return found


def gluons(root: Path) -> list[tuple[str, list[list[float]]]]:
    import_mxnet()
    from gluoncv.data import VOCDetection

    dataset = VOCDetection(str(root), ((2007, "test"),))
    paths = [dataset._image_path.format(*item) for item in dataset._items]
    return [(path, dataset._load_label(i).tolist()) for i, path in enumerate(paths)]


@pytest.mark.mxnet
def test_the_folder_is_read_as_gluoncv_reads_it(tmp_path: Path) -> None:
    write_folder(tmp_path, 60)
    images = voc_images(tmp_path, NAMES)
    assert rows(images) == gluons(tmp_path)
    assert {image.number for image in images.images} == set(range(60))
    assert any(image.objects.difficult.any() for image in images.images)
    assert "which are no box in an image of 60×40 pixels; it is left out" in images.skipped[0]


MUTATIONS = {
    "pixels are counted from 1": ("where) - 1 for side", "where) for side"),
    "boxes may leave the image": ("x0 < x1 <= width", "x0 < x1 <= width + 9"),
    "boxes may be empty": ("0 <= y0 < y1 <= height", "0 <= y0 <= y1 <= height"),
    "corners in the file's order": ('"xmin", "ymin", "xmax"', '"xmax", "xmin", "ymin"'),
    "what is not a number is difficult": ("return False", "return True"),
    "all objects are difficult": ("or 0) != 0", "or 0) >= 0"),
}


@pytest.mark.mxnet
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_noticed(name: str, tmp_path: Path) -> None:
    write_folder(tmp_path, 60)
    module: ModuleType = mutated(reader, *MUTATIONS[name])
    assert rows(module.voc_images(tmp_path, NAMES)) != gluons(tmp_path)


def annotation_of(folder: Path, text: str) -> Path:
    """Overwrite the annotation of the first image in the list."""
    name = (folder / "ImageSets" / "Main" / "test.txt").read_text().split()[0]
    path = folder / "Annotations" / f"{name}.xml"
    path.write_text(text, encoding="utf-8")
    return path


SIZE = "<size><width>60</width><height>40</height></size>"
BROKEN = {
    "<annotation>": "is not valid XML .*line 1",
    "<annotation/>": "has no <size><width>; expected an annotation of Pascal VOC's form",
    "<annotation><size><width>x</width></size></annotation>": "<width> is 'x', not a number",
    f"<annotation>{SIZE}<object/></annotation>": "object 1: has no <name>",
    f"<annotation>{SIZE}<object><name>car</name></object></annotation>": (
        "object 1: has no <bndbox><xmin>"
    ),
    f"<annotation>{SIZE}<object><name>car</name><bndbox><xmin>nan</xmin></bndbox></object>"
    "</annotation>": "object 1: <xmin> is 'nan', not a number",
    "<!DOCTYPE annotation><annotation/>": "has a document type declaration",
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_annotation_is_refused(text: str, tmp_path: Path) -> None:
    path = annotation_of(write_folder(tmp_path, 2), text)
    with pytest.raises(DatasetError, match=BROKEN[text]) as caught:
        voc_images(tmp_path, NAMES)
    assert str(caught.value).startswith(str(path))


def test_entities_are_not_expanded(tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 20}">' for i in range(1, 12))
    text = f'<!DOCTYPE a [<!ENTITY e0 "x">{entities}]><a>&e11;</a>'
    start = time.perf_counter()
    for encoding, message in (("utf-8", "document type"), ("utf-16", "not text in UTF-8")):
        path = tmp_path / "bomb.xml"
        path.write_bytes(text.encode(encoding))
        with pytest.raises(DatasetError, match=message):
            read_xml(path)
    assert time.perf_counter() - start < 1


def test_large_and_missing_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.xml"
    path.write_bytes(b"<a>" + b" " * MAX_BYTES + b"</a>")
    with pytest.raises(DatasetError, match="is larger than 16777216 bytes"):
        read_xml(path)
    with pytest.raises(DatasetError, match=r"cannot be read .*expected an XML file"):
        read_xml(tmp_path / "none.xml")


def test_a_missing_image_is_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, 2)
    (folder / "JPEGImages" / "000000.jpg").unlink()
    with pytest.raises(DatasetError, match=r"000000.jpg: no such file, which the split 'test'"):
        voc_images(tmp_path, NAMES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lists no images"),
        ("000001\n../000002\n", r"line 2: '\.\./000002' is not the name of an image"),
        ("000001 -1\n", "line 1: '000001 -1' is not the name of an image"),
    ],
)
def test_a_broken_list_is_refused(text: str, message: str, tmp_path: Path) -> None:
    folder = write_folder(tmp_path, 2)
    (folder / "ImageSets" / "Main" / "test.txt").write_text(text)
    with pytest.raises(DatasetError, match=message):
        voc_images(tmp_path, NAMES)
    with pytest.raises(DatasetError, match=r"val.txt: cannot be read .*expected a list of images"):
        voc_images(tmp_path, NAMES, split="val")


def test_names_may_have_capitals_and_must_be_the_data_sets(tmp_path: Path) -> None:
    write_folder(tmp_path)
    lower = voc_images(tmp_path, NAMES)
    upper = voc_images(tmp_path, [name.upper() for name in NAMES])
    assert rows(lower) == rows(upper)
    with pytest.raises(DatasetError, match=r"none of its objects .*such as zebu; give their names"):
        voc_images(tmp_path, ("zebu",))
