"""What the commands say: messages name the file, value and option that a user gave."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from gluon2torch.checkpoints.output import write_files
from gluon2torch.checkpoints.record import Failure
from gluon2torch.checkpoints.recorded_facts import read_record
from gluon2torch.cli import main
from gluon2torch.commands.convert_command import show_each
from gluon2torch.commands.shared_options import shortened
from gluon2torch.errors import CheckpointError, GraphError, KeyMapError, LabelsError
from gluon2torch.graph.zoo.zoo_graph import load_zoo_graph
from gluon2torch.mapping.assignment import array_specs, refuse
from gluon2torch.mapping.detection import detect
from gluon2torch.mappings.class_labels import read_labels
from gluon2torch.mappings.zoo import load_zoo
from gluon2torch.parity.result import Parity
from gluon2torch.pipeline import batch, zoo_conversion
from gluon2torch.pipeline.batch import Outcome
from gluon2torch.pipeline.request import Request
from gluon2torch.pipeline.zoo_conversion import convert_zoo
from gluon2torch.sources.params_writer import write_params

from .conftest import record
from .test_commands import arrays

SSD, CENTER = "ssd_512_mobilenet1.0_voc", "center_net_resnet18_v1b_voc"
PROVED = Parity("gluon", True)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments])


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("convert resnet18_v1 --allow-nonfinite", "--allow-nonfinite needs --reference none"),
        ("convert resnet18_v1 --format pt2", "--format is 'pt2'; it must be one of pth, safe"),
        (f"convert {SSD} --nms-thresh 7", "--nms-thresh=7.0: expected a number from 0 to below 1"),
        (f"convert {SSD} --nms-thresh 0", "--nms-thresh=0: GluonCV's networks would leave out"),
        (f"convert {SSD} --nms-thresh 0", "give --no-nms for that"),
        (f"convert {SSD} --no-nms --topk 5", "--no-nms leaves out NMS: omit --topk"),
        (f"convert {CENTER} --post-nms 5", "has no --post-nms; its settings are --topk."),
        (f"convert {CENTER} --no-nms", "has no outputs before NMS (--no-nms); its settings"),
        ("convert nosuch.params", "no network is called 'nosuch.params'; "),
        ("convert nosuch.params", "; it is a file: `gluon2torch convert --params nosuch.params`"),
        ("convert a-symbol.json", "`gluon2torch convert --symbol a-symbol.json --params "),
        ("convert --list published --init random --jobs 2", "--list converts nothing: omit --init"),
        ("convert resnet18_v1 --json README.md/r.json", "README.md is not a folder"),
        ("train yolo3_darknet53_voc .", "yolo3_darknet53_voc is converted as a graph; train has"),
        ("train nosuch .", "`gluon2torch convert --list` shows them all"),
        ("graph a.json --html -", "stdout (-) is not supported here"),
        ("graph a.json --dot - --json -", "--dot and --json cannot both be written to stdout"),
        ("features a.pth images -o f.txt", "f.txt: the file's name must end in .npz"),
    ],
)
def test_wrong_usage_is_explained_in_the_spelling_of_the_command_line(
    command: str, message: str
) -> None:
    result = run(*command.split())
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_a_list_without_files_is_named_as_one(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    result = run("convert", "--params", f"@{tmp_path}/empty")
    assert "empty lists no files" in " ".join(result.output.split())


def test_a_network_that_is_named_twice_is_converted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def each(requests: Sequence[Request], **_: Any) -> Iterator[Outcome]:
        return (Outcome(record(str(request.model))) for request in requests)

    monkeypatch.setattr(batch, "convert_in_turn", each)
    result = run("convert", "resnet18_v1", "gluon_resnet18_v1", "ResNet18_v1")
    assert result.stdout.count("resnet18_v1 ") == 1


@pytest.mark.parametrize("reference", ["auto", "none"])
def test_a_graph_that_was_not_proved_for_want_of_mxnet_is_noted(
    reference: str, capsys: pytest.CaptureFixture[str]
) -> None:
    request = Request(symbol="a-symbol.json", params="a.params", reference=reference)
    show_each([Outcome(record())], [request], quiet=True)
    missing = "note: parity was not run, because MXNet is not installed"
    assert (missing in capsys.readouterr().err) is (reference == "auto")


def test_a_run_without_a_proof_keeps_the_record_of_one_that_had_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.chdir(tmp_path)

    def write(**fields: Any) -> Any:
        one = record(**fields)
        tensors = {"weight": torch.zeros(2)}
        written = write_files(lambda: one, tensors, lambda: None, Path("out"), "net")  # type: ignore[arg-type, return-value]
        facts = read_record(Path(written.file))
        assert facts is not None
        assert facts.parity is not None
        return written, facts.parity.passed

    assert write(parity=PROVED)[1] is True
    unproved, passed = write()
    assert passed is True
    request = Request(model=unproved.model, reference="none")
    show_each([Outcome(unproved)], [request], quiet=True)
    assert "its record, of an earlier run that proved it, is kept" in capsys.readouterr().err
    assert write(labels=("a", "b"))[1] is None  # another network's record is no proof


def test_names_of_files_that_are_not_utf8_are_written_as_json(tmp_path: Path) -> None:
    name = os.fsdecode(os.fsencode(tmp_path) + b"/na\xefve.params")
    result = run("detect", name, "--json", tmp_path / "d.json")
    assert result.exit_code == 1
    (row,) = json.loads((tmp_path / "d.json").read_text())
    assert row["file"] == f"{tmp_path}/na\N{REPLACEMENT CHARACTER}ve.params"


def test_json_is_named_only_where_it_lists_all_problems() -> None:
    message = "\n".join(map(str, range(20)))
    assert shortened(message).endswith("… and 9 more")
    assert shortened(message, in_json=True).endswith("… and 9 more; --json lists all")


def test_a_catalogue_network_has_a_graph_to_show() -> None:
    result = run("graph", "resnet50_v1d")
    assert result.exit_code == 0
    assert "FullyConnected" in result.output
    assert "did you mean googlenet or" in run("graph", "gogglenet").output
    assert "cannot be read (No such file" in run("graph", "gogglenet.json").output


def test_dot_is_written_to_stdout_alone() -> None:
    result = run("graph", "cifar_resnet20_v1", "--dot", "-")
    assert result.stdout.startswith("digraph {\n")
    assert result.stdout.endswith("\n}\n")
    assert not Path("-").exists()


def test_anchors_are_no_inputs() -> None:
    lines = run("graph", "ssd_300_vgg16_atrous_voc").output.splitlines()
    assert "inputs:  data" in lines
    arrays_of_it = load_zoo_graph(load_zoo()["ssd_300_vgg16_atrous_voc"]).shapes
    assert lines[0].endswith(f" operators, {len(arrays_of_it)} arrays")


def test_unknown_nodes_are_refused_before_weights_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zoo_conversion, "load_zoo_arrays", lambda *_: pytest.fail("drawn"))
    options: dict[str, Any] = {"init": "random", "out": tmp_path, "reference": "none"}
    name = "fcn_resnet50_voc"
    *_, last = (node.name for node in load_zoo_graph(load_zoo()[name]).graph.nodes)
    with pytest.raises(GraphError, match=f"has no node '{last}s'; the nearest are {last}"):
        convert_zoo(name, outputs=[f"{last}s"], **options)


def test_errors_name_the_file_whose_arrays_are_wrong(tmp_path: Path) -> None:
    file = tmp_path / "mine.params"
    wrong = arrays()
    wrong[next(iter(wrong))][0] = np.nan
    write_params(file, wrong)
    labels = tmp_path / "labels"
    labels.write_text("a\nb\n")
    out = ("-o", tmp_path / "out", "--reference", "none")
    for options, message in {
        (): "cifar_resnet20_v1: the weights are invalid",
        ("resnet18_v1",): "the arrays are not those of resnet18_v1",
        ("--backbone",): "has no network with a backbone",
        ("--labels", labels): "2 class names were given; the file has 10 classes",
    }.items():
        result = run("convert", *options, "--params", file, *out)
        assert f"Error: {file}: {message}" in result.stderr


def test_an_empty_list_of_classes_is_named(tmp_path: Path) -> None:
    (tmp_path / "labels").write_text("\n")
    with pytest.raises(LabelsError, match="labels: has no class names"):
        read_labels(tmp_path / "labels")


def test_a_missing_checkpoint_cannot_be_read(tmp_path: Path) -> None:
    from gluon2torch.checkpoints.weights_file import read_tensors

    with pytest.raises(CheckpointError, match=r"missing.pth: cannot be read \(No such file"):
        read_tensors(tmp_path / "missing.pth")


def test_a_graph_without_a_task_is_sent_to_the_commands_that_take_it() -> None:
    from gluon2torch.inference.tasks.task_network import TaskNetwork

    program: Any = SimpleNamespace(path="mine.pth", record=SimpleNamespace(model="mine"))
    with pytest.raises(CheckpointError, match="`gluon2torch predict` and `features` take it"):
        TaskNetwork(program, SimpleNamespace())  # type: ignore[arg-type]


class FullDisk(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_stdout_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", FullDisk())
    with pytest.raises(SystemExit) as ended:
        main.main(["convert", "--list", "published"])
    assert ended.value.code == 1
    assert capsys.readouterr().err == "Error: stdout cannot be written (No space left on device)\n"


def test_one_problem_is_singular() -> None:
    with pytest.raises(KeyMapError, match=r"wrong \(1 problem\):"):
        refuse("wrong", ["a"])


def test_no_table_is_printed_if_all_validations_fail(tmp_path: Path) -> None:
    (tmp_path / "bad.pth").write_bytes(b"bad")
    result = run("validate", "--all", tmp_path, tmp_path, "--device", "cpu")
    assert result.exit_code == 1
    assert "Error: " in result.stderr
    assert result.stdout == ""


def test_a_file_that_lacks_its_last_arrays_has_a_nearest_network() -> None:
    specs = dict([*array_specs(arrays()).items()][:98])
    assert detect(specs).nearest == "cifar_resnet20_v1"


def test_failures_have_no_parity_to_note(capsys: pytest.CaptureFixture[str]) -> None:
    request = Request(symbol="a-symbol.json", params="a.params")
    show_each([Outcome(Failure(error="no"), "no")], [request], quiet=True)
    assert capsys.readouterr().err == "Error: no\n"
