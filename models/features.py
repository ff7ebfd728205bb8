"""Networks without a classifier, which return the feature maps of their stem and stages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from .resnet import ResNet


class FeatureResNet(ResNet):
    """A backbone that returns the feature maps of the stem and the stages instead of logits.

    The keys are the network's without `fc.*`, so a checkpoint loads once those two are removed.

    Args:
        out_indices: Indices of the maps to return, in order: 0 is the stem before its pooling,
            1 … are the stages. All by default.
        options: Arguments of ResNet.

    Shapes: images (N, in_chans, H, W) → a list of maps (N, num_chs, ⌈H/reduction⌉, ⌈W/reduction⌉),
        where the map of index i has the `num_chs` and `reduction` of `feature_info[i]`. Behind a
        stem that pools without padding, as SENet-154's, a map can have a row or column less.

    Raises:
        ValueError: The network has no map of an index.
    """

    def __init__(self, *, out_indices: Sequence[int] | None = None, **options: Any) -> None:
        super().__init__(**{**options, "num_classes": 0})
        known = range(len(self.feature_info))
        self.out_indices = tuple(known if out_indices is None else out_indices)
        if unknown := [index for index in self.out_indices if index not in known]:
            raise ValueError(
                f"out_indices {unknown} out of range; this network has maps 0 to {known[-1]}"
            )
        del self.global_pool, self.drop

    def forward(self, x: Tensor) -> list[Tensor]:  # type: ignore[override]
        maps = [x := self.act1(self.bn1(self.conv1(self.data_bn(x))))]
        x = self.maxpool(x)
        maps += [x := stage(x) for stage in self.stages()]
        return [maps[index] for index in self.out_indices]
