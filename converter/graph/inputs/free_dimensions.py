"""Dimensions of a graph's inputs that may have any size: batch, sides of images, lengths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from .input_spec import InputSpec, Specs, with_batch

BATCHES = (1, 3)  # batch sizes with which a file is checked that accepts any
IMAGES, CLIPS = 4, 5  # dimensions
MULTIPLES = (1, 32)  # of which the sides are tried to be
# other sizes with which a dimension is tried, in eighths of its own: a smaller and a wider image;
# a longer and a shorter sequence, or two shorter ones where the given length is the longest, or two
# longer ones where it is short
HEIGHTS, WIDTHS = (6, 5), (5, 9)
LENGTHS, SHORTER, LONGER = (9, 6), (3, 6), (9, 14)
SHORT = 5
Axis = tuple[str, int]
"""The name of an input, and one of its axes."""


@dataclass(frozen=True)
class Dimension:
    """A size that one or more axes of the inputs share.

    Attributes:
        name: `height` or `width` of images; `length`, or `length_2` and so on, of sequences.
        axes: The axes that have it.
        eighths: Two other sizes with which the network is tried, as parts of the given size.
        multiple: The number of which other sizes must be multiples.
    """

    name: str
    axes: tuple[Axis, ...]
    eighths: tuple[int, int]
    multiple: int = 1

    def size(self, specs: Specs) -> int:
        """Its size in the inputs."""
        name, axis = self.axes[0]
        return specs[name].shape[axis]

    def others(self, specs: Specs) -> tuple[int, int]:
        """The two other sizes."""
        one, other = (near(self.size(specs), each, self.multiple) for each in self.eighths)
        return one, other


@dataclass(frozen=True)
class Free:
    """Which dimensions of a network's inputs may have any size.

    Attributes:
        batch: Whether the batch may, which is the same for all inputs.
        dimensions: The others that may.
    """

    batch: bool = False
    dimensions: tuple[Dimension, ...] = ()

    def shape(self, name: str, specs: Specs) -> tuple[int | None, ...]:
        """The shape of an input, with None for each free dimension."""
        free = self.axes(name, specs)
        return tuple(None if axis in free else n for axis, n in enumerate(specs[name].shape))

    def axes(self, name: str, specs: Specs) -> dict[int, str]:
        """The free axes of an input: `batch` and the names of dimensions."""
        found = {specs[name].batch_axis: "batch"} if self.batch else {}
        for dimension in self.dimensions:
            found |= {axis: dimension.name for each, axis in dimension.axes if each == name}
        return found

    def less(self, specs: Specs) -> Iterator[Free]:
        """This, and then what is left if a format cannot have the dimensions, or the batch, free.

        Args:
            specs: The inputs. Sides of 32 pixels, or multiples of it, may still be free as such.
        """
        yield self
        if self.dimensions:
            largest = MULTIPLES[-1]
            sides = image_sides(specs, largest)
            if sides and self.dimensions == image_sides(specs, 1):
                yield replace(self, dimensions=sides)
            yield replace(self, dimensions=())
        if self.batch:
            yield Free()


def image_input(specs: Specs) -> str | None:
    """The name of the input that is images (N, C, H, W) or clips (N, C, T, H, W).

    None if there is none, or several.
    """
    found = _image_inputs(specs)
    return found[0] if len(found) == 1 else None


def _image_inputs(specs: Specs) -> list[str]:
    return [
        name
        for name, spec in specs.items()
        if len(spec.shape) in (IMAGES, CLIPS) and spec.batch_axis == 0 and not spec.counts
    ]


def choices(specs: Specs) -> list[list[tuple[Dimension, ...]]]:
    """Dimensions that may be free together: of each list, the first that the network runs with.

    Of images, both sides, or one of them: a text's line has a fixed height, and a spectrogram
    fixed frequencies. Where there are none, the lengths of sequences, each by itself.
    """
    if _image_inputs(specs):
        sides = [image_sides(specs, multiple) for multiple in MULTIPLES]
        alone = [(side,) for side in reversed(sides[0])]
        return [[each for each in (*sides, *alone) if each]]
    return [[(one,) for one in tried] for tried in _lengths(specs)]


def image_sides(specs: Specs, multiple: int) -> tuple[Dimension, ...]:
    """Height and width of the images; none where inputs of images have different ones.

    Args:
        specs: The inputs.
        multiple: The number of which they are multiples; there are none if they are not.
    """
    names = _image_inputs(specs)
    sizes = {specs[name].shape[-2:] for name in names}
    if len(sizes) != 1 or any(side % multiple for side in next(iter(sizes))):
        return ()
    found = []
    for place, name, eighths in ((-2, "height", HEIGHTS), (-1, "width", WIDTHS)):
        axes = tuple((each, len(specs[each].shape) + place) for each in names)
        found.append(Dimension(name, axes, eighths, multiple))
    return tuple(found)


def _lengths(specs: Specs) -> list[list[Dimension]]:
    """The sizes that could be lengths: any but the batch, equal ones together; with their tries."""
    axes: dict[int, list[Axis]] = {}
    for name, spec in specs.items():
        for axis, size in enumerate(spec.shape):
            if axis != spec.batch_axis and size > 1:
                axes.setdefault(size, []).append((name, axis))
    found = []
    for number, (size, same) in enumerate(axes.items(), start=1):
        name = "length" if number == 1 else f"length_{number}"
        tries = (LONGER,) if size < SHORT else (LENGTHS, SHORTER)
        found.append([Dimension(name, tuple(same), eighths) for eighths in tries])
    return found


def near(size: int, eighths: int, multiple: int = 1) -> int:
    """Some eighths of a size, and one more; a multiple, and not less than twice the least."""
    return max(size * eighths // 8 // multiple, 1) * multiple + multiple


def further_specs(specs: Specs, dimensions: tuple[Dimension, ...]) -> list[dict[str, InputSpec]]:
    """The inputs with two other sizes of some dimensions; none if there are no dimensions."""
    if not dimensions:
        return []
    return [with_sizes(specs, dimensions, place) for place in (0, 1)]


def with_sizes(specs: Specs, dimensions: tuple[Dimension, ...], place: int) -> dict[str, InputSpec]:
    """The inputs with the first (0) or second (1) of the other sizes of some dimensions."""
    changed = dict(specs)
    for dimension in dimensions:
        for name, axis in dimension.axes:
            shape = list(changed[name].shape)
            shape[axis] = dimension.others(specs)[place]
            changed[name] = replace(changed[name], shape=tuple(shape))
    return changed


def trials(specs: Specs, free: Free) -> list[dict[str, InputSpec]]:
    """Inputs for checking a file: two batches and two further sizes, as far as they are free."""
    batches = [with_batch(specs, batch) for batch in BATCHES] if free.batch else [dict(specs)]
    if not free.dimensions:
        return batches
    one, other = (with_sizes(batches[-place], free.dimensions, place) for place in (0, 1))
    return [*batches, one, other]
