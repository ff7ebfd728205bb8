"""Frames of a video file, which PyAV reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gluon2torch.errors import ImageError
from gluon2torch.inference.images.video_file import frame_of, open_video

COUNT = 7


def write_video(path: Path, height: int = 48, width: int = 64) -> None:
    """Frames of one grey each, ever lighter."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(COUNT):
            pixels = np.full((height, width, 3), 30 * number + 20, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


def test_frames_are_found_in_every_order(tmp_path: Path) -> None:
    write_video(tmp_path / "grey.mp4")
    video = open_video(tmp_path / "grey.mp4")
    assert video.count == COUNT
    together = video.frames(range(COUNT))
    for number, frame in together.items():
        assert frame.shape == (48, 64, 3)
        assert abs(float(frame.mean()) - (30 * number + 20)) < 4
    for order in (range(COUNT), range(COUNT - 1, -1, -1), (0, 0, 3, 3, 5, 1)):
        for number in order:
            assert np.array_equal(frame_of(video, number), together[number])


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("av")
    (tmp_path / "none.mp4").write_bytes(b"no video")
    for path in (tmp_path / "none.mp4", tmp_path / "missing.mp4"):
        with pytest.raises(ImageError, match="is not a video that can be read"):
            open_video(path)


@pytest.mark.parametrize("form", ["{}.png", "frame_{:03}.png", "part2/{}.png"])
def test_frames_of_a_folder_are_in_the_order_of_their_numbers(form: str, tmp_path: Path) -> None:
    for number in range(12):
        path = tmp_path / form.format(number)
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), number, np.uint8)).save(path)
    video = open_video(tmp_path)
    assert [int(frame_of(video, number).max()) for number in range(12)] == list(range(12))
