"""The networks of docs/recipes, small, built as their authors built them and exported by MXNet."""

from __future__ import annotations

import json
import lzma
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gluon2torch.graph.importer import read_arrays
from gluon2torch.sources.mxnet_compat import import_mxnet, legacy_names
from gluon2torch.sources.params_writer import write_params

from .exported import export_symbol, random_array
from .graphs import export_bert, export_deepar
from .images import noise
from .test_graph_bert import inputs, weights

Paths = tuple[Path, Path]


def make_files(recipe: str) -> None:
    """Put the files that a recipe starts from into the working directory."""
    RECIPES[recipe]()


def picture(name: str, height: int, width: int) -> None:
    """An image file of noise."""
    Image.fromarray(noise(height, width)).save(name)


def as_epoch(paths: Paths, epoch: int) -> None:
    """Name the arrays as a Module does after an epoch of training."""
    paths[1].rename(str(paths[1]).replace("-0000", f"-{epoch:04d}"))


def age(paths: Paths) -> None:
    """Rewrite a pair in the formats of MXNet 0.8: other keys in the graph, arrays of V0."""
    table = json.loads(paths[0].read_text())
    for node in table["nodes"]:
        node["param"] = node.pop("attrs", {}) if node["op"] != "null" else {}
        node["inputs"] = [edge[:2] for edge in node["inputs"]]
        node["backward_source_id"] = -1
    table["heads"] = [edge[:2] for edge in table["heads"]]
    old = {key: table[key] for key in ("nodes", "arg_nodes", "heads")}
    paths[0].write_text(json.dumps(old, indent=2))
    arrays = read_arrays(paths[1])
    names = [f"arg:{name}".encode() for name in arrays]
    data = struct.pack("<QQQ", 0x112, 0, len(arrays))
    for array in arrays.values():
        data += struct.pack(f"<I{array.ndim}Iiii", array.ndim, *array.shape, 1, 0, 0)
        data += np.asarray(array, "<f4").tobytes()
    data += struct.pack("<Q", len(names))
    data += b"".join(struct.pack("<Q", len(name)) + name for name in names)
    paths[1].write_bytes(data)


def conv_norm(data: Any, name: str, act: str | None = "prelu", **options: Any) -> Any:
    """A convolution without bias, BatchNorm and an activation, as insightface names them."""
    sym = import_mxnet().sym
    data = sym.Convolution(data, no_bias=True, name=f"{name}_conv2d", **options)
    data = sym.BatchNorm(data, fix_gamma=False, name=f"{name}_batchnorm")
    return sym.LeakyReLU(data, act_type=act, name=f"{name}_relu") if act else data


def scaled_pixels() -> Any:
    """The first nodes of insightface's recognition networks."""
    return (import_mxnet().sym.var("data") - 127.5) * 0.0078125


def mobilefacenet() -> Any:
    """insightface's fmobilefacenet with fewer, narrower blocks and the output GDC."""
    sym = import_mxnet().sym

    def block(data: Any, name: str, wide: int, out: int, stride: int) -> Any:
        data = conv_norm(data, f"{name}_conv_sep", kernel=(1, 1), num_filter=wide)
        spatial = {"kernel": (3, 3), "pad": (1, 1), "num_filter": wide, "num_group": wide}
        data = conv_norm(data, f"{name}_conv_dw", stride=(stride, stride), **spatial)
        return conv_norm(data, f"{name}_conv_proj", None, kernel=(1, 1), num_filter=out)

    spatial = {"kernel": (3, 3), "pad": (1, 1), "num_filter": 8}
    data = conv_norm(scaled_pixels(), "conv_1", stride=(2, 2), **spatial)
    data = conv_norm(data, "conv_2_dw", num_group=8, **spatial)
    for step in (23, 34, 45):
        data = block(data, f"dconv_{step}", 16, 8, 2)
        data = block(data, f"res_{step % 10}_block0", 16, 8, 1) + data
    data = conv_norm(data, "conv_6sep", kernel=(1, 1), num_filter=32)
    data = conv_norm(data, "conv_6dw7_7", None, kernel=(7, 7), num_filter=32, num_group=32)
    data = sym.FullyConnected(data, num_hidden=128, name="pre_fc1")
    return sym.BatchNorm(data, fix_gamma=True, eps=2e-5, name="fc1")


def arcface(classes: int = 10, margin: float = 0.5, scale: float = 64.0) -> Any:
    """insightface's fresnet with a unit in each stage, as trained: with ArcFace's margin."""
    sym = import_mxnet().sym

    def conv(data: Any, name: str, **options: Any) -> Any:
        return sym.Convolution(data, no_bias=True, num_filter=8, name=name, **options)

    def norm(data: Any, name: str, fix_gamma: bool = False) -> Any:
        return sym.BatchNorm(data, fix_gamma=fix_gamma, eps=2e-5, name=name)

    spatial, half = {"kernel": (3, 3), "pad": (1, 1)}, {"stride": (2, 2)}
    data = (sym.identity(sym.var("data"), name="id") - 127.5) * 0.0078125
    data = norm(conv(data, "conv0", **spatial), "bn0")
    data = sym.LeakyReLU(data, act_type="prelu", name="relu0")
    for stage in range(1, 5):
        name = f"stage{stage}_unit1"
        body = norm(conv(norm(data, f"{name}_bn1"), f"{name}_conv1", **spatial), f"{name}_bn2")
        body = sym.LeakyReLU(body, act_type="prelu", name=f"{name}_relu1")
        body = norm(conv(body, f"{name}_conv2", **spatial, **half), f"{name}_bn3")
        data = body + norm(conv(data, f"{name}_conv1sc", kernel=(1, 1), **half), f"{name}_sc")
    data = sym.Dropout(norm(data, "bn1"), p=0.4)
    embedding = norm(sym.FullyConnected(data, num_hidden=512, name="pre_fc1"), "fc1", True)
    label, weight = sym.var("softmax_label"), sym.var("fc7_weight", shape=(classes, 512))
    unit = sym.L2Normalization(embedding, mode="instance", name="fc1n") * scale
    normed = sym.L2Normalization(weight, mode="instance")
    logits = sym.FullyConnected(unit, normed, no_bias=True, num_hidden=classes, name="fc7")
    chosen = sym.pick(logits, label, axis=1)
    moved = sym.cos(sym.arccos(chosen / scale) + margin) * scale
    target = sym.one_hot(label, depth=classes)
    logits = logits + sym.broadcast_mul(target, sym.expand_dims(moved - chosen, 1))
    loss = sym.SoftmaxOutput(logits, label, name="softmax", normalization="valid")
    return sym.Group([sym.BlockGrad(embedding), loss])


def make_face_recognition() -> None:
    """A released network, and a checkpoint of training."""
    Path("model-y1-test2").mkdir()
    export_symbol(mobilefacenet(), Path("model-y1-test2/model"), {"data": (1, 3, 112, 112)})
    Path("r100-arcface-emore").mkdir()
    paths = export_symbol(arcface(), Path("r100-arcface-emore/model"), {"data": (1, 3, 112, 112)})
    as_epoch(paths, 1)
    for name in ("anne.png", "ben.png"):
        picture(name, 112, 112)


def mtcnn(net: int) -> Any:
    """MTCNN's network for proposals (1), refinement (2) or output (3), at its published size."""
    sym = import_mxnet().sym
    data, number = sym.var("data"), 0

    def layer(data: Any, width: int, kernel: int = 3, pool: int = 0) -> Any:
        nonlocal number
        number += 1
        data = sym.Convolution(data, kernel=(kernel,) * 2, num_filter=width, name=f"conv{number}")
        data = sym.LeakyReLU(data, act_type="prelu", name=f"prelu{number}")
        window = {"kernel": (pool, pool), "stride": (2, 2), "pooling_convention": "full"}
        return sym.Pooling(data, pool_type="max", name=f"pool{number}", **window) if pool else data

    def head(data: Any, name: str, size: int) -> Any:
        if net == 1:
            return sym.Convolution(data, kernel=(1, 1), num_filter=size, name=name)
        return sym.FullyConnected(data, num_hidden=size, name=name)

    layers = {
        1: ((10, 3, 2), (16,), (32,)),
        2: ((28, 3, 3), (48, 3, 3), (64, 2)),
        3: ((32, 3, 3), (64, 3, 3), (64, 3, 2), (128, 2)),
    }
    for options in layers[net]:
        data = layer(data, *options)
    if net > 1:
        number += 1
        data = sym.FullyConnected(data, num_hidden=128 * (net - 1), name=f"conv{number}")
        data = sym.LeakyReLU(data, act_type="prelu", name=f"prelu{number}")
    stem = f"conv{number + 1}"
    boxes, scores = head(data, f"{stem}_2", 4), head(data, f"{stem}_1", 2)
    if net == 1:
        return sym.Group([boxes, sym.SoftmaxActivation(scores, mode="channel", name="prob1")])
    found = [boxes, sym.SoftmaxOutput(scores, name="prob1")]
    return sym.Group(found if net == 2 else [head(data, f"{stem}_3", 10), *found])


def make_mtcnn() -> None:
    """The three networks in the formats of 2016, in which they are published."""
    for net, size in ((1, 12), (2, 24), (3, 48)):
        paths = export_symbol(mtcnn(net), Path(f"det{net}"), {"data": (1, 3, size, size)})
        age(paths)
        as_epoch(paths, 1)
    picture("people.jpg", 60, 80)


def retinaface(width: int = 8) -> Any:
    """insightface's RetinaFace: a backbone, a feature pyramid, SSH's context, nine outputs."""
    sym = import_mxnet().sym

    def conv(data: Any, name: str, size: int, kernel: int = 3, act: bool = True) -> Any:
        pad = (kernel // 2,) * 2
        data = sym.Convolution(data, kernel=(kernel,) * 2, pad=pad, num_filter=size, name=name)
        data = sym.BatchNorm(data, fix_gamma=False, eps=2e-5, name=f"{name}_bn")
        return sym.Activation(data, act_type="relu", name=f"{name}_relu") if act else data

    def context(data: Any, name: str) -> Any:
        wide, inner = conv(data, f"{name}_conv1", width, act=False), f"{name}_context"
        small = conv(data, f"{inner}_conv1", width // 2)
        five = conv(small, f"{inner}_conv2", width // 2, act=False)
        seven = conv(small, f"{inner}_conv3_1", width // 2)
        seven = conv(seven, f"{inner}_conv3_2", width // 2, act=False)
        data = sym.concat(wide, five, seven, dim=1, name=f"{name}_concat")
        return sym.Activation(data, act_type="relu", name=f"{name}_concat_relu")

    def heads(data: Any, stride: int, anchors: int = 2) -> list[Any]:
        def head(name: str, size: int) -> Any:
            name = f"face_rpn_{name}_stride{stride}"
            return sym.Convolution(data, kernel=(1, 1), num_filter=size * anchors, name=name)

        name = f"face_rpn_cls_prob_stride{stride}"
        scores = sym.Reshape(head("cls_score", 2), shape=(0, 2, -1, 0))
        scores = sym.SoftmaxActivation(scores, mode="channel", name=name)
        name = f"face_rpn_cls_prob_reshape_stride{stride}"
        scores = sym.Reshape(scores, shape=(0, 2 * anchors, -1, 0), name=name)
        return [scores, head("bbox_pred", 4), head("landmark_pred", 10)]

    data, features = sym.var("data"), []
    for step in range(5):
        name = f"conv_{step}"
        strided = {"kernel": (3, 3), "pad": (1, 1), "stride": (2, 2), "num_filter": width}
        data = sym.Convolution(data, no_bias=True, name=f"{name}_conv2d", **strided)
        data = sym.BatchNorm(data, name=f"{name}_batchnorm")
        data = sym.Activation(data, act_type="relu", name=f"{name}_relu")
        features.append(data)
    levels = [conv(features[4], "rf_c3_lateral", width, 1)]
    for level, below in ((2, features[3]), (1, features[2])):
        upper = sym.UpSampling(levels[-1], scale=2, sample_type="nearest")
        name = "rf_c2_lateral" if level == 2 else "rf_c1_red_conv"
        side = conv(below, name, width, 1)
        levels.append(conv(side + sym.Crop(upper, side), f"rf_c{level}_aggr", width))
    outputs = []
    for level, (data, stride) in zip((3, 2, 1), zip(levels, (32, 16, 8), strict=True), strict=True):
        outputs += heads(context(data, f"rf_c{level}_det"), stride)
    return sym.Group(outputs)


def make_retinaface() -> None:
    """RetinaFace, and a picture."""
    export_symbol(retinaface(), Path("mnet.25"), {"data": (1, 3, 64, 64)})
    picture("people.jpg", 100, 150)


def ssd(classes: int = 3) -> Any:
    """A checkpoint of MXNet's example SSD, as trained: targets, losses, detections."""
    sym = import_mxnet().sym
    data, maps = sym.var("data"), []
    for number, (width, stride) in enumerate(((8, 8), (16, 8), (16, 2)), 1):
        strided = {"kernel": (3, 3), "pad": (1, 1), "stride": (stride, stride)}
        data = sym.Convolution(data, num_filter=width, name=f"conv{number}", **strided)
        data = sym.Activation(data, act_type="relu", name=f"relu{number}")
        maps.append(data)
    scale = sym.var("relu2_scale", shape=(1, 16, 1, 1))
    normed = sym.L2Normalization(maps[1], mode="channel", name="relu2_norm")
    maps = [sym.broadcast_mul(scale, normed), maps[2]]
    places, kinds, anchors = [], [], []
    for number, (each, size) in enumerate(zip(maps, (0.2, 0.5), strict=True)):
        options = {"kernel": (3, 3), "pad": (1, 1)}
        for name, count, found in (("loc", 4, places), ("cls", classes + 1, kinds)):
            name = f"map{number}_{name}_pred_conv"
            each_anchor = sym.Convolution(each, num_filter=count * 4, name=name, **options)
            found.append(sym.Flatten(sym.transpose(each_anchor, axes=(0, 2, 3, 1))))
        sizes = {"sizes": (size, size * 1.3), "ratios": (1, 2, 0.5), "clip": False}
        anchors.append(sym.Flatten(sym.contrib.MultiBoxPrior(each, **sizes)))
    loc = sym.concat(*places, dim=1, name="multibox_loc_pred")
    cls = sym.Reshape(sym.concat(*kinds, dim=1), shape=(0, -1, classes + 1))
    cls = sym.transpose(cls, axes=(0, 2, 1), name="multibox_cls_pred")
    boxes = sym.Reshape(sym.concat(*anchors, dim=1), shape=(0, -1, 4), name="multibox_anchors")
    target = sym.contrib.MultiBoxTarget(boxes, sym.var("label"), cls, name="multibox_target")
    ignored = {"use_ignore": True, "ignore_label": -1, "normalization": "valid"}
    prob = sym.SoftmaxOutput(cls, target[2], multi_output=True, name="cls_prob", **ignored)
    loss = sym.smooth_l1(target[1] * (loc - target[0]), scalar=1.0, name="loc_loss_")
    variances = {"variances": (0.1, 0.1, 0.2, 0.2), "nms_threshold": 0.45, "nms_topk": 40}
    found = sym.contrib.MultiBoxDetection(prob, loc, boxes, name="detection", **variances)
    outputs = {"loc_loss": loss, "cls_label": target[2], "det_out": found}
    made = [sym.MakeLoss(value, grad_scale=0, name=name) for name, value in outputs.items()]
    return sym.Group([prob, *made])


def yolo3() -> Any:
    """GluonCV's YOLOv3 with narrow stages."""
    mx = import_mxnet()
    with legacy_names():
        from gluoncv.model_zoo.yolo.yolo3 import YOLOV3

        stages = []
        for stride in (8, 2, 2):
            stage = mx.gluon.nn.HybridSequential()
            stage.add(mx.gluon.nn.Conv2D(8, 3, stride, 1, use_bias=False), mx.gluon.nn.BatchNorm())
            stages.append(stage)
        return YOLOV3(
            stages,
            [4, 4, 4],
            [[10, 13, 16, 30], [30, 61, 62, 45], [116, 90, 156, 198]],
            [8, 16, 32],
            ["cat", "dog"],
            alloc_size=(64, 64),
        )


def make_detectors() -> None:
    """SSD as it was trained with MXNet's example, YOLOv3 as GluonCV exports it."""
    paths = export_symbol(ssd(), Path("ssd_300"), {"data": (1, 3, 300, 300), "label": (1, 2, 5)})
    as_epoch(paths, 240)
    mx, net = import_mxnet(), yolo3()
    mx.random.seed(0)
    net.initialize(mx.init.Normal(0.3))
    net.hybridize()
    net(mx.nd.zeros((1, 3, 64, 64)))
    net.export("yolo3")
    picture("street.jpg", 300, 300)


def crnn(classes: int = 11, hidden: int = 8, steps: int = 35) -> Any:
    """A CRNN of cnocr 1.x as it is trained: convolutions, a bidirectional LSTM, CTC's loss."""
    mx = import_mxnet()
    sym, data = mx.sym, mx.sym.var("data")
    for number, (width, pool) in enumerate(((8, 2), (8, 2), (16, 2), (16, 0))):
        options = {"kernel": (3, 3), "pad": (1, 1), "num_filter": width}
        data = sym.Convolution(data, name=f"conv-{number}", **options)
        data = sym.BatchNorm(data, name=f"batchnorm-{number}")
        data = sym.LeakyReLU(data, name=f"leakyrelu-{number}")
        window = {"kernel": (2, 2), "stride": (2, 2), "pool_type": "max"}
        data = sym.Pooling(data, name=f"pool-{number}", **window) if pool else data
    data = sym.Pooling(data, kernel=(4, 1), pool_type="avg", name="pool1")
    data = sym.transpose(sym.squeeze(sym.Dropout(data, p=0.5), axis=2), axes=(2, 0, 1))
    data = mx.gluon.rnn.LSTM(hidden, 2, bidirectional=True, prefix="lstm0_")(data)
    flat = sym.reshape(data, shape=(-3, -2))
    pred = sym.FullyConnected(flat, num_hidden=classes, name="pred_fc")
    by_step = sym.Reshape(pred, shape=(-4, steps, -1, 0))
    loss = sym.MakeLoss(sym.contrib.ctc_loss(by_step, sym.var("label")))
    prob = sym.BlockGrad(sym.MakeLoss(sym.SoftmaxActivation(pred)))
    return sym.Group([prob, loss])


def make_crnn() -> None:
    """The checkpoint of a CRNN, its characters, and a line of text."""
    shapes = {"data": (2, 1, 32, 280), "label": (2, 4)}
    as_epoch(export_symbol(crnn(), Path("cnocr-v1.2.0-conv-lite-lstm"), shapes), 27)
    Path("label_cn.txt").write_text("\n".join("0123456789") + "\n")
    picture("line.png", 40, 300)


def sagemaker(classes: int = 3) -> Any:
    """SageMaker's classifier: ResNet v2 of MXNet's examples with raw pixels and a softmax."""
    sym = import_mxnet().sym

    def norm(data: Any, name: str, fix_gamma: bool = False) -> Any:
        return sym.BatchNorm(data, fix_gamma=fix_gamma, eps=2e-5, momentum=0.9, name=name)

    def conv(data: Any, name: str, width: int, kernel: int, stride: int = 1) -> Any:
        size = {"kernel": (kernel,) * 2, "pad": (kernel // 2,) * 2, "stride": (stride,) * 2}
        return sym.Convolution(data, no_bias=True, num_filter=width, name=name, **size)

    data = norm(sym.identity(sym.var("data"), name="id"), "bn_data", fix_gamma=True)
    data = norm(conv(data, "conv0", 8, 7, 2), "bn0")
    data = sym.Activation(data, act_type="relu", name="relu0")
    window = {"kernel": (3, 3), "pad": (1, 1), "stride": (2, 2)}
    data = sym.Pooling(data, pool_type="max", **window)
    for stage in range(1, 5):
        name, stride = f"stage{stage}_unit1", 1 if stage == 1 else 2
        first = sym.Activation(norm(data, f"{name}_bn1"), act_type="relu", name=f"{name}_relu1")
        body = norm(conv(first, f"{name}_conv1", 8, 3, stride), f"{name}_bn2")
        body = sym.Activation(body, act_type="relu", name=f"{name}_relu2")
        data = conv(body, f"{name}_conv2", 8, 3) + conv(first, f"{name}_sc", 8, 1, stride)
    data = sym.Activation(norm(data, "bn1"), act_type="relu", name="relu1")
    data = sym.Pooling(data, global_pool=True, kernel=(7, 7), pool_type="avg", name="pool1")
    data = sym.FullyConnected(sym.Flatten(data), num_hidden=classes, name="fc1")
    return sym.SoftmaxOutput(data, name="softmax")


def make_sagemaker() -> None:
    """What lies in model.tar.gz, names of the classes, and pictures."""
    stem = Path("image-classification")
    as_epoch(export_symbol(sagemaker(), stem, {"data": (32, 3, 224, 224)}), 10)
    shapes = [{"shape": [32, 3, 224, 224], "name": "data"}]
    Path("model-shapes.json").write_text(json.dumps(shapes))
    Path("classes.txt").write_text("rose\ntulip\nviolet\n")
    Path("photographs").mkdir()
    picture("photographs/1.jpg", 240, 300)


def lenet(classes: int = 10) -> Any:
    """The convolutional network of MXNet's tutorials for MNIST."""
    sym = import_mxnet().sym
    data = sym.var("data")
    for number, width in enumerate((20, 50), 1):
        data = sym.Convolution(data, kernel=(5, 5), num_filter=width, name=f"conv{number}")
        data = sym.Activation(data, act_type="tanh", name=f"tanh{number}")
        window = {"kernel": (2, 2), "stride": (2, 2), "pool_type": "max"}
        data = sym.Pooling(data, name=f"pool{number}", **window)
    data = sym.FullyConnected(sym.Flatten(data, name="flatten"), num_hidden=500, name="fc1")
    data = sym.Activation(data, act_type="tanh", name="tanh3")
    data = sym.FullyConnected(data, num_hidden=classes, name="fc2")
    return sym.SoftmaxOutput(data, name="softmax")


def make_module() -> None:
    """A checkpoint of a Module, in the formats of MXNet 0.8."""
    paths = export_symbol(lenet(), Path("lenet"), {"data": (1, 1, 28, 28)})
    age(paths)
    as_epoch(paths, 10)


def make_bert() -> None:
    """gluonnlp's BERT, small, with random weights."""
    folder, words = export_bert.FOLDER, export_bert.NETWORKS["bert_tiny"][-1]
    graph = lzma.decompress((folder / "bert_tiny-symbol.json.xz").read_bytes()).decode()
    Path("bert-symbol.json").write_text(graph)
    data = inputs(words, [16, 9], 16)
    arrays = weights(import_mxnet().sym.load_json(graph), data)
    write_params("bert-0000.params", {f"arg:{name}": each for name, each in arrays.items()})


def make_deepar() -> None:
    """gluonts' DeepAR as a SymbolBlockPredictor serializes it, with random weights."""
    graph = lzma.decompress(export_deepar.GRAPH.read_bytes()).decode()
    Path("prediction_net-symbol.json").write_text(graph)
    rng, arrays = np.random.default_rng(0), {}
    for node in json.loads(graph)["nodes"]:
        if shape := node.get("attrs", {}).get("__shape__"):
            size = tuple(int(each) for each in shape.strip("(,)").split(","))
            arrays[f"arg:{node['name']}"] = random_array(rng, node["name"], size)
    write_params("prediction_net-0000.params", arrays)


RECIPES: Mapping[str, Callable[[], None]] = {
    "arcface": make_face_recognition,
    "mtcnn": make_mtcnn,
    "retinaface": make_retinaface,
    "ssd-yolo": make_detectors,
    "crnn": make_crnn,
    "sagemaker": make_sagemaker,
    "module": make_module,
    "bert": make_bert,
    "deepar": make_deepar,
}
