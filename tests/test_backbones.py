from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from gluon2torch import convert
from gluon2torch.cli import main
from gluon2torch.errors import KeyMapError
from gluon2torch.mapping.trunk import take_trunk
from gluon2torch.models import create_model

from .conftest import SMALL

NETWORKS = {
    "fcn_resnet50_ade": ("segmentation", "resnet50_v1s", {"head.": 7, "auxlayer.": 7}),
    "psp_resnet50_ade": ("segmentation", "resnet50_v1s", {"head.": 27, "auxlayer.": 7}),
    "deeplab_resnet50_ade": ("segmentation", "resnet50_v1s", {"head.": 37, "auxlayer.": 7}),
    "simple_pose_resnet18_v1b": ("pose", "resnet18_v1b", {"deconv_layers.": 15, "final_layer.": 2}),
    "simple_pose_resnet50_v1d": ("pose", "resnet50_v1d", {"deconv_layers.": 15, "final_layer.": 2}),
    "faster_rcnn_resnet50_v1b_coco": (
        "detection",
        "resnet50_v1b",
        {"class_predictor.": 1, "box_predictor.": 1, "rpn.": 4},
    ),
    "faster_rcnn_fpn_resnet50_v1b_coco": (
        "detection_fpn",
        "resnet50_v1b",
        {
            "features.P": 18,
            "box_features.": 2,
            "class_predictor.": 1,
            "box_predictor.": 1,
            "rpn.": 8,
        },
    ),
}
CROP = 96  # of images; smaller than the published networks', which changes no array


def save(name: str, path: Path) -> None:
    """A network of GluonCV's with random weights, saved by structural names."""
    from gluon2torch.sources.mxnet_compat import import_mxnet, legacy_names

    mx = import_mxnet()
    from gluoncv.model_zoo import get_model

    options = {"crop_size": CROP} if NETWORKS[name][0] == "segmentation" else {}
    with legacy_names():
        net = get_model(name, pretrained=False, pretrained_base=False, **options)
    mx.random.seed(0)
    net.initialize(mx.init.Normal(0.05))
    if "rcnn" in name:  # enough of it to know every shape of the trunk
        net.features(mx.nd.zeros((1, 3, 64, 64)))
        if getattr(net, "top_features", None):
            net.top_features(mx.nd.zeros((1, 1024, 4, 4)))
    else:
        net(mx.nd.zeros((1, 3, CROP, CROP)))
    parameters = net._collect_params_with_prefix()
    mx.nd.save(str(path), {key: p.data() for key, p in parameters.items() if p._data is not None})


@pytest.mark.mxnet
@pytest.mark.costly
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NETWORKS)
def test_the_trunk_converts_and_the_rest_is_reported(name: str, tmp_path: Path) -> None:
    kind, model, left_out = NETWORKS[name]
    path = tmp_path / "net.params"
    save(name, path)
    record = convert(params=path, backbone=True, out=tmp_path, sizes=[SMALL])
    assert record.model == model
    assert record.num_classes == 0
    assert record.parity.passed is True
    assert record.parity.stages[-1].name == "pooled"
    assert record.backbone_of == kind
    assert {rule: len(names) for rule, names in record.left_out.items()} == left_out
    assert Path(record.file).name.startswith(f"gluon_{model}_backbone-")
    with torch.device("meta"):
        network = create_model(model, num_classes=0, output_stride=8)  # as segmentation dilates it
    network.load_state_dict(torch.load(record.file, weights_only=True), assign=True)


def trunk() -> dict[str, Any]:
    """A pose network of a ResNet-18's arrays, without MXNet."""
    from gluon2torch.mapping.assignment import gluon_names
    from gluon2torch.mapping.network_spec import describe_network
    from gluon2torch.mappings.key_map import load_keymap

    targets = describe_network(create_model("resnet18_v1b", num_classes=0))
    names = {"conv1": "resnet.0", "bn1": "resnet.1"} | {
        f"layer{stage}": f"resnet.{stage + 3}" for stage in (1, 2, 3, 4)
    }
    shapes = [s.shape for t, s in targets.items() if not t.endswith("num_batches_tracked")]
    arrays = {}
    for (name, _), shape in zip(
        gluon_names(load_keymap("resnet_v1b"), targets), shapes, strict=True
    ):
        first, _, rest = name.partition(".")
        arrays[f"{names[first]}.{rest}"] = np.ones(shape, np.float32)
    return arrays


def test_the_command_line_says_what_is_left_out(tmp_path: Path) -> None:
    from gluon2torch.sources.params_writer import write_params

    path = tmp_path / "pose.params"
    write_params(path, {**trunk(), "final_layer.weight": np.ones(3, np.float32)})
    options = ["--params", str(path), "--reference", "none", "-o", str(tmp_path)]
    result = CliRunner().invoke(
        main, ["convert", "--backbone", *options, "--json", str(tmp_path / "r.json")]
    )
    assert result.exit_code == 0, result.output
    assert "the trunk of a pose network; left out: 1 final_layer.*" in result.output
    (record,) = json.loads((tmp_path / "r.json").read_text())
    assert record["left_out"] == {"final_layer.": ["final_layer.weight"]}
    result = CliRunner().invoke(main, ["convert", "--backbone"])
    assert result.exit_code == 2


@pytest.mark.costly
def test_a_trunk_is_proved_by_graph_without_mxnet(tmp_path: Path) -> None:
    from gluon2torch import write_params

    rng = np.random.default_rng(0)
    arrays = {
        name: ones
        * (rng.standard_normal(ones.shape, np.float32) * 0.03 if ones.ndim > 1 else np.float32(1))
        for name, ones in trunk().items()
    }
    write_params(tmp_path / "pose.params", arrays)
    record = convert(
        params=tmp_path / "pose.params",
        backbone=True,
        out=tmp_path,
        sizes=[SMALL],
        reference="graph",
    )
    assert record.parity.reference == "graph"
    assert record.parity.passed is True
    assert record.parity.stages[-1].name == "pooled"


def test_names_that_no_rule_takes_are_reported() -> None:
    names = [*trunk(), "final_layer.weight", "surprise.weight"]
    with pytest.raises(KeyMapError, match="the nearest kind is pose") as error:
        take_trunk(names)
    assert error.value.problems == ("surprise.weight",)
    with pytest.raises(KeyMapError):  # a trunk without its last stage is none
        take_trunk(name for name in trunk() if not name.startswith("resnet.7."))
