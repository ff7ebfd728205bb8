"""Build networks by name from mappings/catalog.yaml."""

from __future__ import annotations

from typing import Any

from ..mappings.catalog import load_catalog
from ..mappings.choices import CHANNELS, CLASSES, check_range
from ..mappings.zoo import find_in_catalog
from .features import FeatureResNet
from .resnet import ResNet


def list_models() -> list[str]:
    """List the networks that `create_model` builds, by GluonCV's names."""
    return list(load_catalog())


def create_model(
    name: str,
    *,
    num_classes: int | None = None,
    in_chans: int = 3,
    features_only: bool = False,
    output_stride: int = 32,
    gluon_batch_norm: bool = False,
    **options: Any,
) -> ResNet:
    """Build an untrained network.

    Args:
        name: GluonCV's or the published name (`resnet50_v1d`, `gluon_resnet50_v1d`).
        num_classes: Outputs of the classifier; 0 for none; the published network's by default.
        in_chans: Channels of the images.
        features_only: Return the feature maps of the stem and the stages instead of logits
            (models/features.py); `out_indices` selects among them.
        output_stride: 8, 16 or 32; 8 is equivalent to GluonCV's `dilated=True`.
        gluon_batch_norm: Keep the running statistics of BatchNorm as MXNet does in training
            (models/gluon_batch_norm.py); keys and outputs are the same.
        options: Other arguments of ResNet, such as `drop_rate`.

    Raises:
        UnknownModelError: No network has that name; the message suggests similar names.
        ValueError: An option is out of range.
    """
    entry = find_in_catalog(name)
    check_range("in_chans", in_chans, CHANNELS)
    if num_classes is not None:
        check_range("num_classes", num_classes, CLASSES)
    arguments = {
        **entry.network,
        "num_classes": entry.dataset.num_classes if num_classes is None else num_classes,
        "in_chans": in_chans,
        "output_stride": output_stride,
        **options,
    }
    if gluon_batch_norm and arguments.get("norm", "batch") == "batch":
        arguments["norm"] = "gluon_batch"
    return FeatureResNet(**arguments) if features_only else ResNet(**arguments)
