"""Accuracy of actions, and lists of videos, against MXNet and GluonCV."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from gluon2torch.errors import DatasetError
from gluon2torch.inference.datasets.action_list import read_action_list
from gluon2torch.inference.metrics import top_k
from gluon2torch.inference.metrics.top_k import TopK
from gluon2torch.mappings.class_labels import parse_labels
from gluon2torch.sources.mxnet_compat import import_mxnet

from .mutated_module import mutated

Batch = tuple[np.ndarray, np.ndarray]


def batches(seed: int) -> list[Batch]:
    random = np.random.default_rng(seed)
    return [
        (random.standard_normal((count, 9)).astype(np.float32), random.integers(0, 9, count))
        for count in random.integers(1, 8, 3)
    ]


def equal(module: ModuleType) -> bool:
    mxnet = import_mxnet()
    for seed in range(40):
        ours = module.TopK()
        theirs = mxnet.metric.Accuracy(), mxnet.metric.TopKAccuracy(5)
        for logits, targets in batches(seed):
            ours.update(logits, targets)
            for metric in theirs:
                metric.update([mxnet.nd.array(targets)], [mxnet.nd.array(logits)])
        if list(ours.result().values()) != [metric.get()[1] for metric in theirs]:
            return False
    return True


@pytest.mark.mxnet
def test_it_equals_mxnet() -> None:
    assert equal(top_k)


@pytest.mark.mxnet
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("before < count", "before <= count"),
        ("~(logits <= own)", "(logits < own)"),
        ("self._samples += len(targets)", "self._samples = len(targets)"),
    ],
)
def test_a_mutation_is_noticed(old: str, new: str) -> None:
    assert not equal(mutated(top_k, old, new))


def test_among_equal_logits_the_lower_class_comes_first() -> None:
    metric = TopK((1, 2))
    metric.update(np.array([[1, 3, 3, 3.0]] * 4), np.arange(4))
    assert metric.result() == {1: 1 / 4, 2: 2 / 4}


def test_nan_is_never_right() -> None:
    metric = TopK((1, 2))
    metric.update(np.full((2, 2), np.nan), np.array([0, 1]))
    assert metric.result() == {1: 0, 2: 0}


def test_processes_that_share_the_samples_find_the_same() -> None:
    whole, *parts = TopK(), TopK(), TopK()
    for number, batch in enumerate(batches(0)):
        whole.update(*batch)
        parts[number % 2].update(*batch)
    parts[0].merge(pickle.loads(pickle.dumps(parts[1])))
    assert parts[0].result() == whole.result()


def test_without_samples_there_is_no_number() -> None:
    assert np.isnan(TopK().result()[1])


# -------------------------------------------------------------------------------------- the list


@pytest.mark.mxnet
def test_a_list_is_read_as_gluoncv_reads_it(tmp_path: Path) -> None:
    import_mxnet()
    from gluoncv.data import VideoClsCustom

    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).touch()
    (tmp_path / "frames").mkdir()
    path = tmp_path / "list.txt"
    path.write_text("a.mp4 30 2\nframes 12 0\nb.mp4 7 1\n")
    videos = read_action_list(path, 3)
    rows = zip(map(str, videos.paths), videos.frames, videos.targets, strict=True)
    assert list(rows) == VideoClsCustom(str(tmp_path), str(path), train=False).clips


@pytest.mark.parametrize(
    ("line", "frames", "target"),
    [
        ("a b.mp4\t2", None, 2),
        ("a b.mp4 2", None, 2),
        ("a b.mp4 30 2", 30, 2),
        ("a b.mp4\t30\t2", 30, 2),
        ("a b.mp4 jump", None, 1),
        ("a b.mp4 30 n02", 30, 2),
        ("a b.mp4\thigh jump", None, 0),
    ],
)
def test_a_line_has_a_path_and_a_class(
    line: str, frames: int | None, target: int, tmp_path: Path
) -> None:
    """Frames may be left out; a path may have spaces, and a class its name or its id."""
    (tmp_path / "a b.mp4").touch()
    path = tmp_path / "list.txt"
    path.write_text(f"\n{line}\n")
    videos = read_action_list(
        path, 3, parse_labels("n00\thigh jump\nn01\tjump\nn02\twalk", "labels")
    )
    assert videos.paths == (tmp_path / "a b.mp4",)
    assert (videos.frames, videos.targets) == ((frames,), (target,))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "list.txt: lists no videos"),
        ("a.mp4 0\na.mp4 3\n", "line 2: 'a.mp4 3' is not understood; .* index, 0 to 2"),
        ("a.mp4\n", "line 1: 'a.mp4' is not understood"),
        ("a.mp4 x\n", "line 1: 'a.mp4 x' is not understood"),
        ("a.mp4 0 1\n", "line 1: 'a.mp4 0 1' is not understood"),
        ("a.mp4 1 1 1\n", "line 1: .*a.mp4 1: no such video"),
        ("b.mp4 1\n", "line 1: .*b.mp4: no such video or folder of frames"),
    ],
)
def test_a_broken_list_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    path = tmp_path / "list.txt"
    path.write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_action_list(path, 3)


def test_a_missing_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be read .*expected a list with lines"):
        read_action_list(tmp_path / "none.txt", 3)
