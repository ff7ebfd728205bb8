"""The pictures of docs/proof.md: `python -m generators.proof_pictures` in docs/ writes them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from gluon2torch.mappings.catalog import load_catalog
from gluon2torch.parity.measurement import LIMITS
from gluon2torch.parity.output_bounds import amplification, output_difference

from .measured_parity import load_measured
from .svg_drawing import WIDTH, Svg

FOLDER = Path(__file__).resolve().parents[1] / "pictures"
MIDDLE = WIDTH / 2


def pictures() -> dict[str, str]:
    """The text of each file, by its name."""
    return {
        "conversion.svg": str(_conversion()),
        "bounds.svg": str(_bounds()),
        "random-weights.svg": str(_random_weights()),
        "measured.svg": str(_measured()),
    }


def _conversion() -> Svg:
    """The steps of a conversion, from arrays to a file."""
    svg = Svg("The steps of a conversion: arrays, names, tensors, proof, file", 586)
    wide, left, right = 300, 20, 270
    steps = [
        ("Arrays", "of a .params file; NaN, Inf and negative", "variances are refused"),
        ("Names", "any dialect of Gluon → the network's layers,", "each exactly once"),
        ("Tensors", "the key map's names; shapes and types must fit"),
    ]
    y = 8.0
    for step in steps:
        end = svg.box(MIDDLE - wide / 2, y, wide, *step)
        y = end + 26
        if step is not steps[-1]:
            svg.arrow(MIDDLE, end, MIDDLE, y)
    for x in (left, right):
        svg.arrow(MIDDLE, y - 26, x + 95, y)
    end = svg.box(left, y, 190, "The network in PyTorch", "float64 and float32")
    reference = "The reference", "Gluon's network on MXNet,", "or its exported graph"
    svg.box(right, y, 190, *reference)
    end += 17
    svg.text(MIDDLE, y + 20, "same")
    svg.text(MIDDLE, y + 36, "images")
    y = end + 30
    for x in (left, right):
        svg.arrow(x + 95, end if x == right else end - 17, MIDDLE, y)
    end = svg.box(
        MIDDLE - wide / 2, y, wide, "Every stage is compared", "as a whole, and channel by channel"
    )
    svg.arrow(MIDDLE, end, MIDDLE, end + 26)
    again = "Both again with random weights", "of the same names and shapes"
    end = svg.box(MIDDLE - wide / 2, end + 26, wide, *again)
    svg.arrow(MIDDLE, end, MIDDLE, end + 26)
    svg.box(MIDDLE - wide / 2, end + 26, wide, "The file", "written whole, read back and compared")
    return svg


def _bounds() -> Svg:
    """Logits of which one is huge and two are exchanged, on the scale of all and on their own."""
    expected = np.array([[0.8, -0.5, 0.3, 1e14], [0.2, 0.9, -0.7, 9e13]])
    actual = expected[:, [1, 0, 2, 3]]
    limit = LIMITS["float64"]
    units = amplification(expected.astype(np.float32), expected)
    whole = limit * np.abs(expected).max()
    svg = Svg("The differences of four logits, their own bounds, and the bound of all", 250)
    left, right, low, high = 90, WIDTH - 24, -16, 4

    def x(value: float) -> float:
        share = (math.log10(max(value, 10.0**low)) - low) / (high - low)
        return left + share * (right - left)

    for power in range(low, high + 1, 4):
        svg.line(x(10.0**power), 34, x(10.0**power), 196, "grid")
        svg.text(x(10.0**power), 214, f"1e{power}" if power else "1", "soft")
    svg.text((left + right) / 2, 236, "difference", "soft")
    svg.line(x(whole), 34, x(whole), 196, "two dashed")
    svg.text(x(1e2) + 30, 22, f"{limit:g} of the largest logit", "two", "end")
    for place in range(expected.shape[1]):
        y = 56 + 40 * place
        one = slice(place, place + 1)
        found = np.abs(actual - expected)[:, place].max()
        shifted = output_difference(
            expected[:, one] + 1e3, expected[:, one], units[one], limit, "float64"
        )
        own = shifted.max_abs / shifted.max_own
        svg.text(left - 12, y + 4, f"logit {place}", anchor="end")
        svg.line(x(own), y - 13, x(own), y + 13, "one")
        svg.point(x(found), y, "bad" if found > own else "one", 5)
    svg.text(x(limit), 22, "own bounds", "one")
    return svg


def _random_weights() -> Svg:
    """A block whose last gamma is 0, with the file's weights and with random ones."""
    svg = Svg(
        "A residual block with a gamma of 0 hides exchanged layers; random weights do not", 330
    )
    for left, gamma, result, kind in (
        (12, "γ = 0, as in the file", "y = x + 0: equal", "one"),
        (252, "γ random", "y = x + γ · f(x): differs", "bad"),
    ):
        middle = left + 130
        svg.text(middle, 18, gamma)
        svg.text(middle + 10, 40, "x", anchor="start")
        svg.arrow(middle, 26, middle, 60)
        end = svg.box(left + 60, 60, 140, "conv2", "in conv1's place")
        svg.arrow(middle, end, middle, end + 24)
        end = svg.box(left + 60, end + 24, 140, "conv1", "in conv2's place")
        svg.arrow(middle, end, middle, end + 24)
        end = svg.box(left + 60, end + 24, 140, "BatchNorm · γ")
        svg.line(middle, 36, left + 24, 36)
        svg.line(left + 24, 36, left + 24, end + 24)
        svg.line(left + 24, end + 24, middle, end + 24)
        svg.arrow(middle, end, middle, end + 50)
        svg.text(middle + 10, end + 29, "+", anchor="start")
        svg.text(middle, end + 70, result, kind)
    return svg


def _measured() -> Svg:
    """The measured difference of each network of the catalogue, in both data types."""
    rows = load_measured()
    names = [name for name in load_catalog() if name in rows]
    svg = Svg("The measured differences of the catalogue's networks, below the limits", 300)
    left, right, top, bottom, low, high = 52, WIDTH - 10, 12, 262, -17, -4

    def y(value: float) -> float:
        return bottom - (math.log10(value) - low) / (high - low) * (bottom - top)

    for power in range(low + 1, high + 1, 4):
        svg.line(left, y(10.0**power), right, y(10.0**power), "grid")
        svg.text(left - 8, y(10.0**power) + 4, f"1e{power}", "soft", "end")
    for (dtype, limit), kind in zip(LIMITS.items(), ("one", "two"), strict=True):
        svg.line(left, y(limit), right, y(limit), f"{kind} dashed")
        svg.text(right - 4, y(limit) - 6, f"limit in {dtype}", kind, "end")
        for place, name in enumerate(names):
            if rows[name].get(dtype):
                x = left + (place + 0.5) / len(names) * (right - left)
                svg.point(x, y(rows[name][dtype]), kind, 2.5)
    svg.text((left + right) / 2, 284, f"{len(names)} networks of the catalogue", "soft")
    return svg


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, text in pictures().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
