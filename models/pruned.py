"""Networks whose convolutions are each of a width of their own, as pruning left them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import nn


def set_widths(network: nn.Module, stages: Sequence[nn.Module], widths: Sequence[int]) -> list[int]:
    """Give each convolution its output channels, and each norm those of its convolution.

    Args:
        network: its stem is `conv1` and `bn1`.
        stages: of blocks with `conv1`, `bn1` … and perhaps a `downsample`.
        widths: one for each convolution, in the state_dict's order.

    Returns:
        The channels of the stem and of each stage.

    Raises:
        ValueError: there are more or fewer widths than convolutions.
    """
    rest = iter(widths)
    channels = _resize(_chain(network, ["conv1", "bn1"]), _in_channels(network), rest)
    out = [channels]
    for stage in stages:
        for block in stage.children():
            names = [name for name, _ in block.named_children()]
            main = _chain(block, [name for name in names if name.startswith(("conv", "bn"))])
            after = _resize(main, channels, rest)
            if "downsample" in names and block.get_submodule("downsample") is not None:
                _resize(_chain(block, ["downsample"]), channels, rest)
            channels = after
        out.append(channels)
    if (left := sum(1 for _ in rest)) > 0:
        raise ValueError(f"{left} widths more than convolutions")
    return out


Place = tuple[nn.Module, str]


def _chain(parent: nn.Module, names: Sequence[str]) -> Iterator[Place]:
    """Convolutions and norms in order, each as its parent and its name there."""
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
                raise ValueError("fewer widths than convolutions") from None
            module.in_channels, module.out_channels = channels, width
            weight = module.weight.new_empty(width, channels, *module.kernel_size)
            module.weight = nn.Parameter(weight)
            channels = width
        else:
            setattr(parent, name, nn.BatchNorm2d(channels))
    return channels
