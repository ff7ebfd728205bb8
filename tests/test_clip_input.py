"""Clips of action recognition networks against GluonCV's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from gluon2torch.inference.images.clip_input import choose_frames, prepare_frames
from gluon2torch.mappings.preprocessing import FrameCrop, TaskPreprocessing
from gluon2torch.mappings.zoo import load_zoo
from gluon2torch.sources.mxnet_compat import import_mxnet, legacy_names

from .images import noise
from .test_interpolation import ODD_SIZES

ACTION = {name: entry for name, entry in load_zoo().items() if entry.task == "action"}


def preprocessing(name: str) -> TaskPreprocessing:
    found = load_zoo()[name].preprocessing
    assert found is not None
    return found


def rule_of(name: str) -> FrameCrop:
    rule = preprocessing(name).rule
    assert isinstance(rule, FrameCrop)
    return rule


@pytest.mark.mxnet
@pytest.mark.parametrize(
    ("name", "new", "crop"),
    [
        ("i3d_resnet50_v1_kinetics400", (256, 340), 224),
        ("inceptionv3_kinetics400", (340, 450), 299),
        ("c3d_kinetics400", (128, 171), 112),
    ],
)
def test_frames_are_those_of_gluoncvs_evaluation(
    name: str, new: tuple[int, int], crop: int
) -> None:
    import cv2

    mxnet = import_mxnet()
    with legacy_names():
        from gluoncv.data.transforms.video import VideoGroupValTransform

    transform = VideoGroupValTransform(crop, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    frames = [noise(*shape, number) for number, shape in enumerate(ODD_SIZES)]
    resized = [cv2.resize(frame, new[::-1]) for frame in frames]
    expected = mxnet.nd.array(np.stack(transform.forward(resized))).asnumpy()
    ours = prepare_frames(frames, preprocessing(name)).numpy()
    if rule_of(name).frames is not None:
        assert ours.shape == (1, 3, len(frames), crop, crop)
        ours = ours[0].transpose(1, 0, 2, 3)
    assert np.array_equal(ours, expected)


@pytest.mark.mxnet
@pytest.mark.parametrize("name", ["i3d_slow_resnet101_f16s4_kinetics700", "vgg16_ucf101"])
@pytest.mark.parametrize("segments", [1, 3])
def test_frames_are_chosen_as_gluoncv_does(name: str, segments: int) -> None:
    rule = rule_of(name)
    for count in (1, 2, 9, 61, 63, 64, 65, 66, 100, 333):
        reader = Reader(count)
        theirs = chosen(reader, segments, new_length=rule.frames or 1, new_step=rule.step)
        ours = choose_frames(count, rule, segments)
        assert [index for clip in ours for index in clip] == theirs, count


@pytest.mark.mxnet
@pytest.mark.parametrize(
    ("name", "length", "slow"),
    [
        ("slowfast_4x16_resnet50_kinetics400", 64, 16),
        ("slowfast_8x8_resnet101_kinetics400", 64, 8),
        ("slowfast_16x8_resnet101_kinetics400", 128, 8),
    ],
)
def test_frames_of_two_rates_are_chosen_as_gluoncv_does(name: str, length: int, slow: int) -> None:
    for count in (1, 30, 64, 65, 66, 130, 333):
        options = {"new_length": length, "slowfast": True, "slow_temporal_stride": slow}
        theirs = chosen(Reader(count), 2, **options, fast_temporal_stride=2)
        ours = choose_frames(count, rule_of(name), 2)
        assert [index for clip in ours for index in clip] == theirs, count


class Reader:
    """A video in the manner of decord's reader, whose frames are their own numbers."""

    def __init__(self, count: int) -> None:
        self.count = count

    def get_batch(self, indices: list[int]) -> Any:
        mxnet = import_mxnet()
        assert max(indices) < self.count
        return mxnet.nd.array(np.reshape(indices, (-1, 1, 1, 1)))


def chosen(reader: Reader, segments: int, slowfast: bool = False, **options: Any) -> list[int]:
    """The frames that GluonCV's data set reads in test mode."""
    import_mxnet()
    with legacy_names():
        from gluoncv.data import VideoClsCustom

        data = VideoClsCustom(
            *("", ""), num_segments=segments, slowfast=slowfast, lazy_init=True, **options
        )
    data.skip_length = data.new_length * data.new_step
    starts, offsets = data._sample_test_indices(reader.count)
    kind = "slowfast" if slowfast else "batch"
    read = getattr(data, f"_video_TSN_decord_{kind}_loader")
    return [int(frame.item()) for frame in read("", reader, reader.count, starts, offsets)]


def test_clips_have_the_length_of_the_networks_input() -> None:
    for name, entry in ACTION.items():
        shape = entry.inputs["data"]
        rule = rule_of(name)
        assert (rule.frames is None) == (len(shape) == 4), name
        [clip] = choose_frames(999, rule)
        assert len(clip) == (1 if rule.frames is None else shape[2]), name


def test_the_input_is_a_batch_of_one_clip() -> None:
    frames = [noise(40, 50, number) for number in range(36)]
    about = preprocessing("slowfast_4x16_resnet50_kinetics400")
    pixels = prepare_frames(frames, about)
    assert pixels.shape == ACTION["slowfast_4x16_resnet50_kinetics400"].inputs["data"]
    assert pixels.dtype == torch.float32
    with pytest.raises(TypeError, match="Stretch does not take frames"):
        prepare_frames(frames, preprocessing("yolo3_darknet53_voc"))
