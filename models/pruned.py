"""Pruned networks, in which each convolution has its own width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import nn


def set_widths(network: nn.Module, stages: Sequence[nn.Module], widths: Sequence[int]) -> list[int]:
    """Set the output channels of each convolution, and resize its norm accordingly.

    Args:
        network: Has the stem `conv1` and `bn1`.
        stages: Sequences of blocks with `conv1`, `bn1` … and possibly a `downsample`.
        widths: Output channels of each convolution, in the state_dict's order.

    Returns:
        The output channels of the stem and of each stage.

    Raises:
        ValueError: There are more or fewer widths than convolutions.
    """
    remaining = iter(widths)
    channels = _resize(_chain(network, ["conv1", "bn1"]), _in_channels(network), remaining)
    out = [channels]
    for stage in stages:
        for block in stage.children():
            names = [name for name, _ in block.named_children()]
            main = _chain(block, [name for name in names if name.startswith(("conv", "bn"))])
            after = _resize(main, channels, remaining)
            if "downsample" in names and block.get_submodule("downsample") is not None:
                _resize(_chain(block, ["downsample"]), channels, remaining)
            channels = after
        out.append(channels)
    if (extra := sum(1 for _ in remaining)) > 0:
        raise ValueError(f"there are {extra} more widths than convolutions")
    return out


Place = tuple[nn.Module, str]


def _chain(parent: nn.Module, names: Sequence[str]) -> Iterator[Place]:
    """Yield convolutions and norms in order, each as its parent and its name in it."""
    for name in names:
        module = parent.get_submodule(name)
        if isinstance(module, nn.Sequential):
            yield from _chain(module, [child for child, _ in module.named_children()])
        elif isinstance(module, nn.Conv2d | nn.BatchNorm2d):
            yield parent, name


def _in_channels(network: nn.Module) -> int:
    return next(m.in_channels for m in network.modules() if isinstance(m, nn.Conv2d))


def _resize(places: Iterator[Place], channels: int, widths: Iterator[int]) -> int:
    for parent, name in places:
        module = parent.get_submodule(name)
        if isinstance(module, nn.Conv2d):
            try:
                width = next(widths)
            except StopIteration:
                raise ValueError("there are fewer widths than convolutions") from None
            module.in_channels, module.out_channels = channels, width
            weight = module.weight.new_empty(width, channels, *module.kernel_size)
            module.weight = nn.Parameter(weight)
            channels = width
        else:
            setattr(parent, name, type(module)(channels))
    return channels
