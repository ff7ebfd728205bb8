"""Dimensions of a graph's inputs that may have any size: the batch, and the sides of images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from .input_spec import InputSpec, Specs, with_batch

BATCHES = (1, 3)  # batch sizes with which a file is checked that accepts any
IMAGES, CLIPS = 4, 5  # dimensions
MULTIPLES = (1, 32)  # of which the sides are tried to be
Size = tuple[int, int]


@dataclass(frozen=True)
class Free:
    """Which dimensions of a network's inputs may have any size.

    Attributes:
        batch: Whether the batch may, which is the same for all inputs.
        sides: Height and width of the images may be any multiples of this number; None if they are
            fixed.
    """

    batch: bool = False
    sides: int | None = None

    def shape(self, name: str, specs: Specs) -> tuple[int | None, ...]:
        """The shape of an input, with None for each free dimension."""
        free = self.axes(name, specs)
        return tuple(None if axis in free else n for axis, n in enumerate(specs[name].shape))

    def axes(self, name: str, specs: Specs) -> dict[int, str]:
        """The free axes of an input: `batch`, `height` and `width`."""
        found = {specs[name].batch_axis: "batch"} if self.batch else {}
        if self.sides is not None and name == image_input(specs):
            last = len(specs[name].shape) - 1
            found |= {last - 1: "height", last: "width"}
        return found

    def less(self, specs: Specs) -> Iterator[Free]:
        """This, and then what is left if a format cannot have the sides, or the batch, free.

        Args:
            specs: The inputs. Sides of 32 pixels, or multiples of it, may still be free as such.
        """
        yield self
        if self.sides is not None:
            largest, name = MULTIPLES[-1], image_input(specs)
            sides = specs[name].shape[-2:] if name is not None else ()
            if self.sides < largest and all(side % largest == 0 for side in sides):
                yield replace(self, sides=largest)
            yield replace(self, sides=None)
        if self.batch:
            yield Free()


def image_input(specs: Specs) -> str | None:
    """The name of the input that is images (N, C, H, W) or clips (N, C, T, H, W).

    None if there is none, or several, whose sizes may depend on each other.
    """
    found = [name for name, spec in specs.items() if _is_images(spec)]
    return found[0] if len(found) == 1 else None


def _is_images(spec: InputSpec) -> bool:
    return len(spec.shape) in (IMAGES, CLIPS) and spec.batch_axis == 0 and not spec.counts


def further_sizes(specs: Specs, multiple: int) -> tuple[Size, Size]:
    """Two other heights and widths, with which a network is tried: a smaller and a wider image."""
    name = image_input(specs)
    assert name is not None, "only images have sides"
    height, width = specs[name].shape[-2:]

    def near(side: int, eighths: int) -> int:
        return max(side * eighths // 8 // multiple, 1) * multiple + multiple

    return (near(height, 6), near(width, 5)), (near(height, 5), near(width, 9))


def with_size(specs: Specs, size: Size) -> dict[str, InputSpec]:
    """The inputs with images of another height and width."""
    name = image_input(specs)
    assert name is not None, "only images have sides"
    spec = specs[name]
    return {**specs, name: replace(spec, shape=(*spec.shape[:-2], *size))}


def trials(specs: Specs, free: Free) -> list[dict[str, InputSpec]]:
    """Inputs for checking a file: two batches and two further sizes, as far as they are free."""
    batches = [with_batch(specs, batch) for batch in BATCHES] if free.batch else [dict(specs)]
    if free.sides is None:
        return batches
    one, other = further_sizes(specs, free.sides)
    return [*batches, with_size(batches[0], one), with_size(batches[-1], other)]
