"""Files of the zoo's networks whose names have the prefixes of Gluon's blocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gluon2torch.errors import GraphError
from gluon2torch.graph.zoo.prefixed_names import structural_names
from gluon2torch.graph.zoo.zoo_graph import load_zoo_graph
from gluon2torch.mappings.zoo import load_zoo
from gluon2torch.pipeline.zoo_conversion import convert_zoo
from gluon2torch.sources.mxnet_compat import import_mxnet
from gluon2torch.sources.params import dense_arrays
from gluon2torch.sources.params_writer import write_params
from gluon2torch.sources.zoo_network import parameters_of, zoo_block

pytestmark = pytest.mark.mxnet
ZOO = load_zoo()
NAMES = (
    *("mobilenet0.25", "mobilenetv2_0.25", "vgg11_bn", "densenet121", "squeezenet1.1", "alexnet"),
    *("ssd_300_mobilenet0.25_voc", "ssd_512_resnet50_v1_voc", "yolo3_darknet53_coco"),
    *("center_net_resnet18_v1b_voc", "faster_rcnn_resnet50_v1b_voc", "simple_pose_resnet18_v1b"),
    *("fcn_resnet50_voc", "i3d_inceptionv1_kinetics400", "monodepth2_resnet18_kitti_mono_640x192"),
)


@pytest.mark.parametrize("name", NAMES)
def test_the_names_are_those_of_gluoncvs_parameters(name: str) -> None:
    entry, stored = ZOO[name], load_zoo_graph(ZOO[name])
    with import_mxnet().name.NameManager():  # numbers begin at 0, as in a process of its own
        block = zoo_block(name, entry.options)
    names = {
        parameter.name: structural
        for structural, parameter in parameters_of(block).items()
        if structural in stored.shapes
    }
    shapes = {old: stored.shapes[new] for old, new in names.items()}
    assert len(shapes) == len(stored.shapes)
    trained = {old: new for old, new in names.items() if new not in stored.constants}
    assert structural_names(stored, shapes) == names
    assert structural_names(stored, {old: shapes[old] for old in trained}) == trained
    first, second, *_ = trained
    assert structural_names(stored, {**shapes, "other_weight": (9,)}) is None
    assert structural_names(stored, {k: v for k, v in shapes.items() if k != second}) is None
    assert structural_names(stored, {**shapes, f"x{first}": shapes[first]}) is None


def test_a_file_of_either_kind_gives_the_same_weights(tmp_path: Path) -> None:
    network = zoo_block("mobilenet0.25", ZOO["mobilenet0.25"].options)
    network.initialize(import_mxnet().init.Xavier())
    network(import_mxnet().nd.zeros((1, 3, 32, 32)))
    old, new = tmp_path / "old.params", tmp_path / "new.params"
    network.collect_params().save(str(old))
    network.save_parameters(str(new))
    assert not dense_arrays(old).keys() & dense_arrays(new).keys()
    marked = {f"arg:{name}": array for name, array in dense_arrays(old).items()}
    write_params(tmp_path / "exported.params", marked)
    digests = set()
    for path in old, new, tmp_path / "exported.params":
        out = tmp_path / path.stem
        record = convert_zoo(
            "mobilenet0.25", params=path, out=out, reference="none", formats=["safetensors"]
        )
        digests.add(record.content_sha256)
        noted = [each for each in record.notes if "prefixes of Gluon's blocks" in each]
        assert len(noted) == (path != new)
    assert len(digests) == 1


def test_anchors_of_the_file_are_used_whatever_its_names(tmp_path: Path) -> None:
    """Anchors that were changed, as for other sizes of objects."""
    name = "yolo3_mobilenet1.0_voc"
    with import_mxnet().name.NameManager():
        network = zoo_block(name, ZOO[name].options)
    network.initialize(import_mxnet().init.Xavier())
    network(import_mxnet().nd.zeros((1, 3, 96, 96)))
    parameters = network.collect_params()
    changed = [parameter for key, parameter in parameters.items() if "anchor" in key]
    for number, parameter in enumerate(changed, 2):
        parameter.set_data(parameter.data() * number)
    assert len(changed) == 3
    old, new = tmp_path / "old.params", tmp_path / "new.params"
    parameters.save(str(old))
    network.save_parameters(str(new))
    given = {"out": tmp_path / "out", "reference": "none", "nms": False, "formats": ["safetensors"]}
    first, second = (convert_zoo(name, params=path, **given) for path in (old, new))
    assert first.content_sha256 == second.content_sha256
    noted = [note for note in first.notes if note.startswith("anchors of the file differ")]
    assert noted
    assert set(noted) < set(first.notes)
    assert set(second.notes) == set(first.notes[:-1])


def test_names_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "my.params"
    write_params(path, {"mobilenet0_conv0_weight": np.zeros((8, 3, 3, 3), np.float32)})
    with pytest.raises(GraphError, match="belong to no node"):
        convert_zoo("mobilenet0.25", params=path, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
