"""The commands of docs/zoo.md run as they stand; those of large networks take minutes."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from gluon2torch.graph.zoo.zoo_graph import load_zoo_graph
from gluon2torch.mappings.zoo import load_zoo
from gluon2torch.pipeline.zoo_conversion import convert_zoo
from gluon2torch.sources.params_writer import write_params
from gluon2torch.sources.source import Source
from gluon2torch.sources.zoo_arrays import load_zoo_arrays

from .documents import ROOT, commands, require_done, run, sections
from .images import smooth
from .test_segmentation_folders import write_folder
from .test_video_file import write_video

SECTIONS = {title: text for title, text in sections(ROOT / "docs" / "zoo.md") if commands(text)}
# the files that the sections name: of which network, and the size of its images
PROGRAMS = {
    "FILE.pt2": ("yolo3_mobilenet0.25_voc", (1, 3, 64, 96)),
    "YOLO3.pt2": ("yolo3_mobilenet0.25_voc", (1, 3, 64, 96)),
    "POSE.pt2": ("simple_pose_resnet18_v1b", (1, 3, 64, 96)),
    "ACTION.pt2": ("resnet18_v1b_kinetics400", (1, 3, 96, 96)),
    "SIAMRPN.pt2": ("siamrpn_alexnet_v2_otb15", None),
    "POSENET.pt2": ("monodepth2_resnet18_posenet_kitti_mono_640x192", (1, 6, 96, 160)),
    "HRNET.pt2": ("fastscnn_citys", (1, 3, 768, 768)),  # faster
}
FRAME = (144, 192)


def make_program(name: str, shape: tuple[int, ...] | None) -> str:
    """A converted network with random weights."""
    shapes: Mapping[str, tuple[int, ...]] | None = None if shape is None else {"data": shape}
    record = convert_zoo(name, init="random", inputs=shapes, reference="none", out="programs")
    return record.file


def make_images() -> None:
    for folder in ("photographs", "frames"):
        Path(folder).mkdir()
        for number in range(4):
            Image.fromarray(smooth(*FRAME, number)).save(f"{folder}/{number}.png")
    Image.fromarray(smooth(*FRAME, 9)).save("team.jpg")
    write_video(Path("video.mp4"), *FRAME)
    write_folder(Path("cityscapes"), "cityscapes")


def write_arrays(name: str) -> None:
    """A user's file of a network."""
    entry = load_zoo()[name]
    stored = load_zoo_graph(entry)
    arrays = load_zoo_arrays(entry, stored.shapes, stored.constants, Source("random", seed=0))
    write_params("my.params", arrays)


@pytest.mark.mxnet
@pytest.mark.slow
@pytest.mark.parametrize("title", SECTIONS)
@pytest.mark.usefixtures("sandbox")
def test_the_commands_run(title: str) -> None:
    make_images()
    made: dict[str, str] = {}
    for line in commands(SECTIONS[title]):
        words = shlex.split(line, comments=True)
        for word in PROGRAMS.keys() & set(words):
            if word not in made:
                made[word] = make_program(*PROGRAMS[word])
        if "my.params" in words:
            named = [word for word in words if word in load_zoo()]
            write_arrays(named[0] if named else "simple_pose_resnet18_v1b")
        words = [made.get(word, word) for word in words]
        result = run(shlex.join(words))
        assert result is not None
        require_done(line, result)
