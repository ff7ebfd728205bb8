"""What networks cost: the table of it, against new measurements and against published figures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import nn

from gluon2torch.checkpoints.model_card import front_matter, model_card
from gluon2torch.checkpoints.record_costs import costs_of
from gluon2torch.errors import TableError
from gluon2torch.mapping.network_spec import empty_network
from gluon2torch.mappings import costs
from gluon2torch.mappings.catalog import Preprocessing, load_catalog
from gluon2torch.mappings.costs import Costs, costs_text, load_all_costs, load_costs
from gluon2torch.mappings.yaml_table import mapping_file
from gluon2torch.mappings.zoo import load_zoo
from gluon2torch.parity.result import Parity
from gluon2torch.pipeline.conversion import convert
from gluon2torch.pipeline.network_costs import measure, measured_networks, network_costs
from gluon2torch.sources.source import Source

from .conftest import record

CATALOG, ZOO = load_catalog(), load_zoo()
# of each way to be measured: catalogue, stored graph, NMS, two inputs, regions of proposals
CHEAP = (
    *("cifar_resnet20_v1", "resnest14", "squeezenet1.0", "ssd_300_mobilenet0.25_custom"),
    *("siamrpn_alexnet_v2_otb15", "faster_rcnn_resnet50_v1b_custom"),
)
# `FLOPs` and `File Size` of timm's documentation, docs/models/{gloun-*,resnest}.md
PUBLISHED = {
    "resnet18_v1b": (2337073152, 46816736),
    "resnet34_v1b": (4718469120, 87295112),
    "resnet50_v1b": (5282531328, 102493763),
    "resnet50_v1c": (5590551040, 102573166),
    "resnet50_v1d": (5591002624, 102573346),
    "resnet50_v1s": (7019495424, 102992368),
    "resnet101_v1b": (10068547584, 178723172),
    "resnet101_v1c": (10376567296, 178802575),
    "resnet101_v1d": (10377018880, 178802755),
    "resnet101_v1s": (11805511680, 179221777),
    "resnet152_v1b": (14857660416, 241534001),
    "resnet152_v1c": (15165680128, 241613404),
    "resnet152_v1d": (15166131712, 241613584),
    "resnet152_v1s": (16594624512, 242032606),
    "resnext50_32x4d": (5472648192, 100441719),
    "resnext101_32x4d": (10298145792, 177367414),
    "resnext101_64x4d": (19954172928, 334737852),
    "se_resnext50_32x4d": (5475179184, 110578827),
    "se_resnext101_32x4d": (10302923504, 196505510),
    "se_resnext101_64x4d": (19958950640, 353875948),
    "senet_154": (26681705136, 461546622),
    "resnest14": (3548594464, 42562639),
    "resnest26": (4678918720, 68470242),
    "resnest50": (6937106336, 110273258),
}
# GMACs and millions of activations of timm's results/benchmark-infer-amp-nhwc-pt113-*.csv, which
# fvcore counted
BENCHMARKS = {
    "resnet50_v1s": (5.47, 13.52),
    "resnet101_v1b": (7.83, 16.23),
    "resnet101_v1c": (8.08, 17.04),
    "resnet101_v1d": (8.08, 17.04),
    "resnet101_v1s": (9.19, 18.64),
    "resnet152_v1b": (11.56, 22.56),
    "resnet152_v1c": (11.8, 23.36),
    "resnet152_v1d": (11.8, 23.36),
    "resnet152_v1s": (12.92, 24.96),
    "resnext101_32x4d": (8.01, 21.23),
    "se_resnext50_32x4d": (4.26, 14.42),
    "se_resnext101_32x4d": (8.02, 21.26),
    "resnest14": (2.76, 7.33),
    "resnest26": (3.64, 9.97),
    "resnest50": (5.4, 14.36),
    "inceptionv3": (5.73, 8.97),
    "hrnet_w18_c": (4.32, 16.31),
    "hrnet_w32_c": (8.97, 22.02),
    "vgg16_bn": (15.5, 13.56),
}
PLAIN = {  # networks without normalisation, whose multiply-adds are those that fvcore counts
    "vgg11": (7.61, 7.44),
    "vgg13": (11.31, 12.25),
    "vgg16": (15.47, 13.56),
    "vgg19": (19.63, 14.86),
}


def test_the_table_has_every_network() -> None:
    assert [*load_all_costs()] == [*measured_networks()]
    assert mapping_file(costs.FILE).read_text() == costs_text(load_all_costs())
    for entry in (*CATALOG.values(), *ZOO.values()):
        assert entry.costs.file_bytes > 4 * getattr(entry, "parameters", 0)
    assert ZOO["ssd_300_vgg16_atrous_voc_int8"].costs == load_costs("ssd_300_vgg16_atrous_voc")


@pytest.mark.parametrize("name", CHEAP)
def test_the_table_is_measured(name: str) -> None:
    assert network_costs(measured_networks()[name]) == load_costs(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(measured_networks().keys() - set(CHEAP)))
def test_all_of_the_table_is_measured(name: str) -> None:
    assert network_costs(measured_networks()[name]) == load_costs(name)


def test_layers_are_counted_as_the_formulas_of_their_kind() -> None:
    network = nn.Sequential(
        nn.Conv2d(6, 8, 3, stride=2, padding=1, groups=2),  # 8·4·5 outputs of 3·9 products
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.ConvTranspose2d(8, 3, 2, stride=2),  # 8·4·5 inputs, each with 3·4 products
        nn.Flatten(),
        nn.Linear(3 * 8 * 10, 7),
    )
    measured = measure(network, {"input": (1, 6, 7, 9)})
    assert measured.multiply_adds == 160 * 27 + 160 * 12 + 240 * 7
    assert measured.activations == 160 + 240 + 7
    assert measured.flops == 2 * measured.multiply_adds


def published_count(network: nn.Module, image: tuple[int, ...]) -> int:
    """Multiply-adds as timm's documentation has them, from an early version of fvcore.

    It counted two operations for each normalised value, one for each value of a bias and of a mean
    over a window, and one for each value that goes into and comes out of the mean over the image;
    and it did not know the linear layer.
    """
    total = 0

    def count(layer: nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        nonlocal total
        if isinstance(layer, nn.Conv2d):
            products = layer.weight[0].numel() + (layer.bias is not None)
            total += output.numel() * products
        elif isinstance(layer, nn.BatchNorm2d):
            total += 2 * output.numel()
        elif isinstance(layer, nn.AdaptiveAvgPool2d):
            total += inputs[0].numel() + output.numel()
        elif isinstance(layer, nn.AvgPool2d):
            total += output.numel()

    for layer in network.modules():
        layer.register_forward_hook(count)  # type: ignore[arg-type]
    network.eval()(torch.empty(1, 3, *image, device="meta"))
    return total


@pytest.mark.parametrize(
    "name",
    [
        name
        if name in ("resnet18_v1b", "resnet50_v1d", "se_resnext50_32x4d", "resnest14", "senet_154")
        else pytest.param(name, marks=pytest.mark.slow)
        for name in PUBLISHED
    ],
)
def test_the_published_operations_are_those_of_these_networks(name: str) -> None:
    """They are of an image of 224×285, although the documentation says 224×224."""
    network = empty_network(name, 1000, 3)
    if name == "senet_154":
        # GluonCV pools without padding, and timm with it, so that its maps are a column wider
        network.maxpool = nn.MaxPool2d(3, 2, 1)
    assert published_count(network, (224, 285)) == PUBLISHED[name][0]


@pytest.mark.parametrize("name", PUBLISHED)
def test_files_have_the_published_size(name: str) -> None:
    # torch's format of that time needed less for each tensor than its archive of today
    assert CATALOG[name].costs.file_bytes == pytest.approx(PUBLISHED[name][1], rel=1e-3)


@pytest.mark.parametrize("name", [*BENCHMARKS, *PLAIN])
def test_the_published_multiply_adds_and_activations(name: str) -> None:
    normalised = name in BENCHMARKS
    giga, millions = (BENCHMARKS if normalised else PLAIN)[name]
    measured = load_costs(name)
    assert measured.activations / 1e6 == pytest.approx(millions, abs=0.006)
    # fvcore counts two operations for each normalised value: here, what a convolution returns
    extra = 2 * measured.activations if normalised else 0
    assert (measured.multiply_adds + extra) / 1e9 == pytest.approx(giga, abs=0.006)


def test_the_file_of_a_conversion_has_the_size(tmp_path: Path) -> None:
    converted = convert("cifar_resnet20_v1", init="random", out=tmp_path, reference="none")
    assert converted.files[0].bytes == load_costs("cifar_resnet20_v1").file_bytes
    assert costs_of(converted) == load_costs("cifar_resnet20_v1")


def test_a_checkpoint_has_the_costs_of_its_own_classes() -> None:
    own = costs_of(record("cifar_resnet20_v1", num_classes=7, num_features=64))
    network = empty_network("cifar_resnet20_v1", 7, 3)
    measured = measure(network, {"x": (1, 3, 32, 32)})
    assert own is not None
    assert (own.multiply_adds, own.activations) == (measured.multiply_adds, measured.activations)
    assert costs_of(record("cifar_resnet20_v1", in_chans=1)) is None
    other = Preprocessing((64, 64), (0.0,) * 3, (1.0,) * 3, 1.0, "bilinear")
    assert costs_of(record("cifar_resnet20_v1", preprocessing=other)) is None


def test_cards_and_their_model_index_have_the_costs() -> None:
    entry = CATALOG["resnet50_v1d_0.86"]  # published without accuracy
    source = Source("pretrained", sha1=entry.sha1)
    about = record(entry.name, source=source, parity=Parity("gluon", True), num_features=2048)
    card = model_card(about, "")
    assert yaml.safe_load(card.split("---\n")[1]) == front_matter(about)
    ((result,),) = [row["results"] for row in front_matter(about)["model-index"]]
    figures = {metric["type"]: metric["value"] for metric in result["metrics"]}
    assert figures == {
        "multiply-adds": entry.costs.multiply_adds,
        "flops": 2 * entry.costs.multiply_adds,
        "activations": entry.costs.activations,
        "file-size": about.files[0].bytes,
    }
    giga = entry.costs.multiply_adds / 1e9
    assert f"| Multiply-adds | {giga:.2f} G for an image of 224×224 |" in card
    assert f"| FLOPs | {2 * giga:.2f} G, two for each multiply-add |" in card
    assert "| File size | 0.0 MB |" in card
    assert "File size" not in model_card(replace(about, files=()), "")  # before it is written


@pytest.mark.huggingface_hub
def test_the_hubs_library_reads_the_model_index() -> None:
    huggingface_hub = pytest.importorskip("huggingface_hub")
    entry = CATALOG["resnet18_v1b"]
    source = Source("pretrained", sha1=entry.sha1)
    card: Any = huggingface_hub.ModelCard(
        model_card(record(entry.name, source=source, parity=Parity("gluon", True)), "")
    )
    values = {each.metric_name: each.metric_value for each in card.data.eval_results}
    assert values["Top-1 accuracy"] == entry.top1
    assert values["FLOPs"] == 2 * entry.costs.multiply_adds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "resnet18_v1b is missing"),
        ("{", "costs.jsonl, line 1: cannot be read"),
        ('{"multiply_adds": 1}', "line 1: cannot be read"),
        ('{"name": "a", "multiply_adds": 1, "activations": 1, "file_bytes": "x"}', "file_bytes"),
    ],
)
def test_a_damaged_table_is_an_error(
    text: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(costs, "read_text", lambda name: text)
    load_all_costs.cache_clear()
    with pytest.raises(TableError, match=message):
        load_costs("resnet18_v1b")
    load_all_costs.cache_clear()


def test_the_table_is_written_and_read() -> None:
    table = {"a": Costs(1, 2, 3)}
    (line,) = costs_text(table).splitlines()
    assert json.loads(line) == {
        "name": "a",
        "multiply_adds": 1,
        "activations": 2,
        "file_bytes": 3,
    }
