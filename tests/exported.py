"""GluonCV's networks as MXNet exports them, with random weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from gluon2torch.sources.mxnet_compat import import_mxnet, legacy_names
from gluon2torch.sources.params_writer import write_params

DAMPING = 0.25
CIFAR, INCEPTION, IMAGENET = (32, 32), (299, 299), (224, 224)
# what is no image classification
OTHER = ("ssd", "rcnn", "yolo.yolo3", "center_net", "action_recognition", "pose", "fcn", "pspnet")
OTHER += (
    "deeplab",
    "icnet",
    "danet",
    "fastscnn",
    "quantized",
    "mask",
    "siamrpn",
    "monodepth",
    "smot",
)
# without a graph: MXNet's GroupNorm looks at shapes; and HRNet's segmentation networks
NO_GRAPH = ("resnet50_v1b_gn", "resnet101_v1b_gn")
SEGMENTATION = ("hrnet_w18_small_v1_s", "hrnet_w18_small_v2_s", "hrnet_w48_s")


def zoo() -> list[str]:
    """Every classification network of GluonCV that hybridises."""
    import_mxnet()
    from gluoncv.model_zoo.model_zoo import _models

    return [
        name
        for name, make in _models.items()
        if not any(word in make.__module__ for word in OTHER)
        and name not in NO_GRAPH + SEGMENTATION
    ]


def input_size(name: str) -> tuple[int, int]:
    """Height and width of a network's images."""
    if name.startswith("cifar"):
        return CIFAR
    return INCEPTION if name.startswith("inception") else IMAGENET


def export(name: str, folder: Path, size: tuple[int, int], **options: Any) -> tuple[Path, Path]:
    """A network's `-symbol.json` and `.params`, with random weights."""
    import_mxnet()
    from gluoncv.model_zoo import get_model

    with legacy_names():
        net = get_model(name, pretrained=False, **options)
    return export_net(net, folder / name, size)


def export_net(net: Any, stem: Path, size: tuple[int, int]) -> tuple[Path, Path]:
    """The same of any network of Gluon's."""
    mx = import_mxnet()
    out = net(mx.sym.var("data"))
    symbol = mx.sym.Group(list(out)) if isinstance(out, (list, tuple)) else out
    return export_symbol(symbol, stem, {"data": (1, 3, *size)})


def export_symbol(symbol: Any, stem: Path, shapes: dict[str, tuple[int, ...]]) -> tuple[Path, Path]:
    """A symbol as `net.export` writes it, with random arrays for all its variables but `shapes`."""
    args, _, aux = symbol.infer_shape(**shapes)
    found = dict(zip(symbol.list_arguments(), args, strict=True))
    found |= dict(zip(symbol.list_auxiliary_states(), aux, strict=True))
    statistics = set(symbol.list_auxiliary_states())
    damped = residual_ends(json.loads(symbol.tojson()))
    rng = np.random.default_rng(0)
    arrays = {}
    for key, shape in found.items():
        if key not in shapes and "label" not in key:
            array = random_array(rng, key, shape) * np.float32(DAMPING if key in damped else 1)
            arrays[f"{'aux' if key in statistics else 'arg'}:{key}"] = array
    paths = Path(f"{stem}-symbol.json"), Path(f"{stem}-0000.params")
    symbol.save(str(paths[0]))
    write_params(paths[1], arrays)
    return paths


def random_array(rng: Any, name: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """As `--init random` has them."""
    if name.endswith(("gamma", "running_var", "moving_var")):
        return 0.5 + rng.random(shape, np.float32)
    fan_in = int(np.prod(shape[1:])) if name.endswith("weight") else 25
    return rng.standard_normal(shape, np.float32) * np.float32(fan_in**-0.5)


def residual_ends(table: dict[str, Any]) -> set[str]:
    """The weights or gammas of what is added to something else; undamped, rounding grows."""
    nodes = table["nodes"]
    ends = set()
    for node in nodes:
        if node["op"] in ("elemwise_add", "broadcast_add", "_Plus"):
            for number, *_ in node["inputs"]:
                end = nodes[number]
                if end["op"] in ("BatchNorm", "Convolution"):
                    ends.add(nodes[end["inputs"][1][0]]["name"])
    return ends
