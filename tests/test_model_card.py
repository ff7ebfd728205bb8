"""What is written beside a checkpoint for its readers: model cards, and code that loads it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from gluon2torch.checkpoints.loading_snippet import snippet
from gluon2torch.checkpoints.model_card import is_published_file, model_card
from gluon2torch.mappings.catalog import load_catalog
from gluon2torch.parity.result import Check, Parity
from gluon2torch.sources.source import Source

from .conftest import record

PROVED = Parity(
    "gluon",
    True,
    (
        Check("float64", "2x3x32x32", 1e-14, 2.34e-15, 1e-12),
        Check("float32", "2x3x33x25", 1e-5, 4.5e-7, 1e-5),
    ),
)
ENTRY = load_catalog()["resnet50_v1d"]
COSTS = ENTRY.costs
CARD = f"""\
---
tags:
- image-classification
- timm
- gluon
library_name: timm
pipeline_tag: image-classification
license: apache-2.0
datasets:
- imagenet-1k
model-index:
- name: gluon_resnet50_v1d
  results:
  - task:
      type: image-classification
    dataset:
      name: imagenet-1k
      type: imagenet-1k
    metrics:
    - type: accuracy
      name: Top-1 accuracy
      value: {ENTRY.top1}
    - type: accuracy
      name: Top-5 accuracy
      value: {ENTRY.top5}
    - type: multiply-adds
      name: Multiply-adds
      value: {COSTS.multiply_adds}
    - type: flops
      name: FLOPs
      value: {COSTS.flops}
    - type: activations
      name: Activations
      value: {COSTS.activations}
    - type: file-size
      name: File size in bytes
      value: 1
---

# gluon_resnet50_v1d

MXNet Gluon's `resnet50_v1d` in PyTorch, with the weights that GluonCV published (https://x.y/z), \
converted by gluon2torch.

| | |
|---|---|
| Parameters | 25.58 M |
| Multiply-adds | 4.33 G for an image of 224×224 |
| FLOPs | 8.66 G, two for each multiply-add |
| Activations | 11.92 M, of convolutions and linear layers |
| File size | 0.0 MB |
| Classes | 1000 |
| Images | 3×224×224, bilinear, crop 0.875 |
| Mean, std | (0.485, 0.456, 0.406), (0.229, 0.224, 0.225) |
| SHA-1 of the source | `{ENTRY.sha1}` |
| Content SHA-256 | `{"1" * 64}` |
| Published top-1 | {ENTRY.top1:.2f} % |
| Published top-5 | {ENTRY.top5:.2f} % |

## Load

```python
import it
```

mind the gap

## Parity

Measured against the reference `gluon`: the largest difference of the logits over the largest logit.

| dtype | input | difference | limit |
|---|---|---|---|
| float64 | 2x3x32x32 | 2.3e-15 | 1e-12 |
| float32 | 2x3x33x25 | 4.5e-07 | 1e-05 |
"""


def published(**fields: Any) -> Any:
    source = Source("pretrained", url="https://x.y/z", sha1=ENTRY.sha1)
    return record("resnet50_v1d", **({"source": source, "parity": PROVED} | fields))


def test_the_card_of_a_published_network() -> None:
    assert model_card(published(note="mind the gap"), "import it\n\n") == CARD


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("params", "with weights from a `.params` file"),
        ("random", "with random weights, which are of no use but to test with"),
        ("finetuned", "with weights that were trained further in PyTorch"),
        ("trained", "with weights that were trained in PyTorch"),
    ],
)
def test_the_card_of_other_weights(kind: str, words: str) -> None:
    source = Source(kind, sha1=ENTRY.sha1)
    about = published(source=source, num_classes=0, parity=Parity("none", None))
    assert not is_published_file(about)
    card = model_card(about, "import it")
    assert card.split("---\n")[1] == (
        "tags:\n- image-feature-extraction\n- timm\n- gluon\nlibrary_name: timm\n"
        "pipeline_tag: image-feature-extraction\n"
    )
    assert f"MXNet Gluon's `resnet50_v1d` in PyTorch, {words}, converted by gluon2torch.\n" in card
    assert "Published" not in card
    assert (
        "## Load\n\n```python\nimport it\n```\n\n## Parity\n\nEquality with Gluon's network was not"
        in card
    )


def test_a_network_that_timm_does_not_have_is_pytorchs() -> None:
    card = model_card(record(source=Source("random", seed=0)), "")
    assert yaml.safe_load(card.split("---\n")[1]) == {
        "tags": ["image-classification", "pytorch", "gluon"],
        "library_name": "pytorch",
        "pipeline_tag": "image-classification",
    }
    assert "| SHA-1 of the source | – |" in card
    assert "| Images | 3×32×32, " in card


CONFIG = """\
model = dict(
    type="ImageClassifier",
    backbone=dict(type="ResNetV1d", depth=50, in_channels=3),
    neck=dict(type="GlobalAveragePooling"),
    head=dict(type="LinearClsHead", num_classes=1000, in_channels=2048),
)
data_preprocessor = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], \
to_rgb=True, num_classes=1000)
"""


def test_code_that_loads_a_file() -> None:
    about = published(num_features=2048)
    assert snippet("timm", about, "a b.pth") == (
        "import timm, torch\n"
        'network = timm.create_model("resnet50d", num_classes=1000, in_chans=3)\n'
        "network.load_state_dict(torch.load('a b.pth', weights_only=True))\n"
    )
    assert snippet("timm", about, "x.safetensors") == (
        "from safetensors.torch import load_file\nimport timm, torch\n"
        'network = timm.create_model("resnet50d", num_classes=1000, in_chans=3)\n'
        "network.load_state_dict(load_file('x.safetensors'))\n"
    )
    config = snippet("mmpretrain", about, "x.pth")
    assert config is not None
    assert config.startswith(CONFIG)


def test_code_is_left_out_where_a_library_cannot_load_the_file() -> None:
    v1b = record("resnet18_v1b", num_features=512)
    torchvision = snippet("torchvision", v1b, "x.pth")
    assert torchvision is not None
    assert "torchvision.models.resnet18(num_classes=" in torchvision
    # torchvision's builders have three channels, timm's as many as asked for
    assert snippet("torchvision", record("resnet18_v1b", in_chans=4), "x.pth") is None
    four = snippet("timm", record("resnet18_v1b", in_chans=4), "x.pth")
    assert four is not None
    assert "in_chans=4" in four
    # timm's and ours build a trunk without a classifier, the others do not
    trunk = record("resnet18_v1b", num_classes=0)
    assert snippet("timm", trunk, "x.pth") is not None
    assert snippet("torchvision", trunk, "x.pth") is None
    for suffix in (".onnx", "", ".pth.txt"):
        assert snippet("timm", v1b, f"x{suffix}") is None
    assert snippet("torchvision", published(), "x.pth") is None
