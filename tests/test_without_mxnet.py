"""GluonCV's other networks where MXNet and GluonCV cannot be imported: from a `.params` file alone,
each is converted, proved by what MXNet gave elsewhere, predicts and draws.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from gluon2torch.graph.inputs.image_sizes import for_inputs
from gluon2torch.graph.symbols.symbol_writer import symbol_json
from gluon2torch.graph.zoo.zoo_graph import load_zoo_graph
from gluon2torch.mappings.zoo import Shape, load_zoo
from gluon2torch.pipeline.graph_inputs import build_with_inputs
from gluon2torch.pipeline.graph_proof import Network, prove_graph
from gluon2torch.pipeline.request import Request
from gluon2torch.sources.params_writer import write_params
from gluon2torch.sources.source import Source
from gluon2torch.sources.zoo_arrays import load_zoo_arrays

from .images import smooth

ZOO = load_zoo()
# runs command lines one after another, and prints their exit statuses; the folder of a conversion
# stands for the program in it
PROGRAM = """
import json, sys
from pathlib import Path
sys.modules["mxnet"] = sys.modules["gluoncv"] = None
from gluon2torch.cli import main
for arguments in json.loads(sys.argv[1]):
    words = [str(next(Path(word).glob("*.pt2"), word)) for word in arguments]
    try:
        main(words if arguments[0] == "predict" else arguments)
    except SystemExit as status:
        print("status", status.code, flush=True)
"""
# networks of each family, their input here (none for those of the table), and what is drawn
CASES: list[tuple[str, Shape, str]] = [
    ("ssd_300_vgg16_atrous_voc", (1, 3, 300, 300), "objects"),
    ("ssd_512_mobilenet1.0_voc", (1, 3, 160, 128), "objects"),
    ("yolo3_mobilenet0.25_voc", (1, 3, 64, 96), "objects"),
    ("center_net_resnet18_v1b_voc", (1, 3, 64, 96), "objects"),
    ("center_net_resnet18_v1b_dcnv2_voc", (1, 3, 64, 96), "objects"),
    ("faster_rcnn_resnet50_v1b_voc", (1, 3, 96, 128), "objects"),
    ("faster_rcnn_fpn_resnet50_v1b_coco", (1, 3, 96, 128), "objects"),
    ("mask_rcnn_resnet18_v1b_coco", (1, 3, 128, 160), "objects"),
    ("mask_rcnn_fpn_resnet18_v1b_coco", (1, 3, 96, 128), "objects"),
    ("fcn_resnet50_voc", (1, 3, 96, 128), "classes"),
    ("psp_resnet50_ade", (1, 3, 96, 128), "classes"),
    ("deeplab_resnet50_citys", (1, 3, 96, 128), "classes"),
    ("deeplab_v3b_plus_wideresnet_citys", (1, 3, 96, 128), "classes"),
    ("danet_resnet50_citys", (1, 3, 96, 128), "classes"),
    ("icnet_resnet50_citys", (1, 3, 96, 128), "classes"),
    ("fastscnn_citys", (1, 3, 96, 128), "classes"),
    ("hrnet_w18_small_v1_s", (1, 3, 97, 129), "classes"),
    ("simple_pose_resnet18_v1b", (1, 3, 64, 96), "poses"),
    ("mobile_pose_mobilenetv3_small", (1, 3, 96, 64), "poses"),
    ("alpha_pose_resnet101_v1b_coco", (1, 3, 256, 192), "poses"),
    ("monodepth2_resnet18_kitti_mono_640x192", (1, 3, 96, 128), "depth"),
    ("monodepth2_resnet18_posenet_kitti_mono_640x192", (1, 6, 96, 160), "path"),
    ("siamrpn_alexnet_v2_otb15", (), "0-track"),
    ("resnet18_v1b_kinetics400", (1, 3, 96, 96), ""),
    ("inceptionv3_ucf101", (1, 3, 299, 299), ""),
    ("c3d_kinetics400", (1, 3, 16, 112, 112), ""),
    ("i3d_inceptionv1_kinetics400", (1, 3, 32, 112, 112), ""),
    ("i3d_inceptionv3_kinetics400", (1, 3, 32, 139, 139), ""),
    ("i3d_nl5_resnet50_v1_kinetics400", (1, 3, 32, 96, 96), ""),
    ("i3d_resnet50_v1_kinetics400", (1, 3, 8, 96, 96), ""),
    ("i3d_slow_resnet101_f16s4_kinetics700", (1, 3, 16, 96, 96), ""),
    ("p3d_resnet50_kinetics400", (1, 3, 16, 112, 112), ""),
    ("r2plus1d_resnet18_kinetics400", (1, 3, 16, 112, 112), ""),
    ("slowfast_4x16_resnet50_kinetics400", (1, 3, 36, 64, 64), ""),
    ("alexnet", (1, 3, 224, 224), ""),
    ("cifar_residualattentionnet56", (1, 3, 32, 32), ""),
    ("darknet53", (1, 3, 64, 64), ""),
    ("densenet121", (1, 3, 224, 224), ""),
    ("dla34", (1, 3, 64, 64), ""),
    ("googlenet", (1, 3, 224, 224), ""),
    ("hrnet_w18_small_v1_c", (1, 3, 64, 64), ""),
    ("inceptionv3", (1, 3, 299, 299), ""),
    ("mobilenet0.25", (1, 3, 64, 64), ""),
    ("mobilenetv2_0.25", (1, 3, 64, 64), ""),
    ("mobilenetv3_small", (1, 3, 224, 224), ""),
    ("nasnet_4_1056", (1, 3, 224, 224), ""),
    ("residualattentionnet56", (1, 3, 224, 224), ""),
    ("squeezenet1.1", (1, 3, 224, 224), ""),
    ("vgg11", (1, 3, 224, 224), ""),
    ("xception", (1, 3, 299, 299), ""),
]
VIDEOS = "path", "0-track"  # what is drawn of a whole video


def check(name: str, shape: Shape, drawn: str, folder: Path) -> None:
    """Convert, predict and draw, in a process that cannot import MXNet."""
    entry, params, saved = ZOO[name], folder / "mine.params", folder / "mine.npz"
    stored = load_zoo_graph(entry)
    source = Source("random", seed=0)
    arrays = load_zoo_arrays(entry, stored.shapes, stored.constants, source)
    write_params(params, arrays)
    shapes = {"data": shape} if shape else entry.inputs
    graph = for_inputs(stored.graph, entry.inputs, shapes)
    network = Network(graph, arrays, symbol_json(graph), (), detections=drawn == "objects")
    request = Request(
        model=name, params=params, inputs={key: (size, "float32") for key, size in shapes.items()}
    )
    prove_graph(build_with_inputs(graph, arrays, request), network, "gluon", 0, saved)
    frames = folder / "frames"
    frames.mkdir()
    for number in range(4):
        Image.fromarray(smooth(90, 120, number)).save(frames / f"{number}.png")
    image = frames if entry.task == "action" or drawn in VIDEOS else frames / "0.png"
    options = ["--threshold", "0"] if drawn == "objects" else []
    options += ["--box", "40,30,30,36"] if entry.task == "tracking" else []
    options += ["-o", folder / "drawn"] if drawn else []
    sizes = [f"--input={key}={','.join(map(str, size))}" for key, size in shapes.items()]
    out, result = folder / "there", folder / "result.json"
    done = run(
        ["convert", name, "--params", params, "--reference", saved, *sizes, "-o", out],
        ["predict", out, image, "--json", result, *options],
    )
    assert done.stdout.count("status 0") == 2, done.stdout + done.stderr
    (record,) = (json.loads(path.read_text()) for path in out.glob("*.json"))
    assert record["parity"]["reference"] == "gluon, saved"
    assert record["parity"]["passed"] is True
    (found,) = json.loads(result.read_text())
    assert "error" not in found
    if drawn:
        assert (folder / "drawn" / f"{image.stem}-{drawn}.png").stat().st_size > 100
    else:
        assert sum(each["probability"] for each in found["top"]) <= 1


def run(*lines: list[object]) -> subprocess.CompletedProcess[str]:
    arguments = json.dumps([[str(word) for word in line] for line in lines])
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, arguments],
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=3000,
    )


@pytest.mark.mxnet
@pytest.mark.costly
def test_a_file_alone_is_enough(tmp_path: Path) -> None:
    check("ssd_300_mobilenet0.25_voc", (1, 3, 64, 96), "objects", tmp_path)


def test_each_family_has_a_case() -> None:
    families = {entry.family for entry in ZOO.values() if entry.float_name is None}
    assert families == {ZOO[name].family for name, *_ in CASES}


@pytest.mark.mxnet
@pytest.mark.slow
@pytest.mark.parametrize(("name", "shape", "drawn"), CASES, ids=[row[0] for row in CASES])
def test_a_file_of_each_family_is_enough(
    name: str, shape: Shape, drawn: str, tmp_path: Path
) -> None:
    check(name, shape, drawn, tmp_path)


def test_the_stored_graph_is_no_reference_for_itself() -> None:
    done = run(["convert", "ssd_300_vgg16_atrous_voc", "--init", "random", "--reference", "graph"])
    assert "status 2" in done.stdout
    message = " ".join(done.stderr.split())
    assert "give a file that --save-reference wrote where MXNet is installed" in message
