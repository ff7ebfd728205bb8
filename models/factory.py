"""Networks by name, built as mappings/catalog.yaml says."""

from __future__ import annotations

from typing import Any

from ..mappings.catalog import load_catalog
from .features import FeatureResNet
from .resnet import ResNet


def list_models() -> list[str]:
    """GluonCV's names of the networks that `create_model` builds."""
    return list(load_catalog())


def create_model(
    name: str,
    *,
    num_classes: int | None = None,
    in_chans: int = 3,
    features_only: bool = False,
    output_stride: int = 32,
    **options: Any,
) -> ResNet:
    """Build a network, untrained.

    Args:
        name: GluonCV's or the published name (`resnet50_v1d`, `gluon_resnet50_v1d`).
        num_classes: outputs of the classifier, 0 for none; the published network's by default.
        in_chans: channels of the images.
        features_only: give the maps of the stem and the stages instead of logits
            (models/features.py); `out_indices` chooses among them.
        output_stride: 8, 16 or 32; 8 equals GluonCV's `dilated=True`.
        options: any other of ResNet's, such as `drop_rate`.

    Raises:
        UnknownModelError: no network has that name; it names the near ones.
        ValueError: an option is out of its range.
    """
    entry = load_catalog().find(name)
    arguments = {
        **entry.network,
        "num_classes": entry.dataset.num_classes if num_classes is None else num_classes,
        "in_chans": in_chans,
        "output_stride": output_stride,
        **options,
    }
    return FeatureResNet(**arguments) if features_only else ResNet(**arguments)
