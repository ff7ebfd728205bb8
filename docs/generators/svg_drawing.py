"""Drawings in SVG, which have the colours of the page that they are put into."""

from __future__ import annotations

from xml.sax.saxutils import escape

WIDTH = 480
# of the theme; without one, as in a repository's view of the documents, light or dark as the system
_STYLE = """
.dr { font: 13px system-ui, sans-serif; --dr-ink: var(--md-default-fg-color, #1c2430);
  --dr-soft: var(--md-default-fg-color--light, #5b6675);
  --dr-line: var(--md-default-fg-color--lighter, #8592a1);
  --dr-box: var(--md-code-bg-color, #f6f8fa); --dr-one: var(--md-typeset-a-color, #1f6feb);
  --dr-two: #b35900; --dr-bad: #cf222e; }
@media (prefers-color-scheme: dark) {
  .dr { --dr-ink: var(--md-default-fg-color, #e6edf3);
    --dr-soft: var(--md-default-fg-color--light, #9aa7b4);
    --dr-box: var(--md-code-bg-color, #161b22); } }
[data-md-color-scheme="slate"] .dr { --dr-two: #f0883e; --dr-bad: #ff7b72; }
.dr text { fill: var(--dr-ink); } .dr text.soft { fill: var(--dr-soft); font-size: 12px; }
.dr text.bad { fill: var(--dr-bad); } .dr text.one { fill: var(--dr-one); }
.dr text.two { fill: var(--dr-two); }
.dr rect { fill: var(--dr-box); stroke: var(--dr-line); }
.dr path, .dr line { fill: none; stroke: var(--dr-line); stroke-width: 1.5; }
.dr line.one, .dr circle.one { stroke: var(--dr-one); fill: var(--dr-one); }
.dr line.two, .dr circle.two { stroke: var(--dr-two); fill: var(--dr-two); }
.dr line.bad, .dr circle.bad { stroke: var(--dr-bad); fill: var(--dr-bad); }
.dr line.dashed { stroke-dasharray: 5 4; } .dr line.grid { stroke-width: .5; }
"""


class Svg:
    """A drawing to which shapes are added; lengths are in pixels at its full width.

    Classes of shapes: `one` and `two` are the two colours of data, `bad` is what fails, `soft` is
    small text, and `dashed` a line.
    """

    def __init__(self, title: str, height: int) -> None:
        self._title, self._height = title, height
        self._shapes: list[str] = []

    def text(self, x: float, y: float, text: str, kind: str = "", anchor: str = "middle") -> None:
        """A line of text, by default centred at a point."""
        self._shapes.append(
            f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{_class(kind)}>{escape(text)}</text>'
        )

    def box(self, x: float, y: float, width: float, *lines: str, height: float = 0) -> float:
        """A box with lines of text, the first in the colour of text; returns its lower end."""
        height = height or 16 + 17 * len(lines)
        self._shapes.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="5"/>'
        )
        for place, line in enumerate(lines):
            self.text(x + width / 2, y + 21 + 17 * place, line, "soft" if place else "")
        return y + height

    def arrow(self, x: float, y: float, to_x: float, to_y: float) -> None:
        """An arrow downwards, first to the middle of its height, then to the side."""
        middle = (y + to_y) / 2
        path = (
            f"M{x:g} {y:g}V{middle:g}H{to_x:g}V{to_y:g}" if x != to_x else f"M{x:g} {y:g}V{to_y:g}"
        )
        self._shapes.append(f'<path d="{path}m-4 -6l4 6l4 -6"/>')

    def line(self, x: float, y: float, to_x: float, to_y: float, kind: str = "") -> None:
        """A straight line."""
        self._shapes.append(
            f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}"{_class(kind)}/>'
        )

    def point(self, x: float, y: float, kind: str, radius: float = 4) -> None:
        """A point."""
        self._shapes.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"{_class(kind)}/>')

    def __str__(self) -> str:
        """The file's text."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="dr" role="img" '
            f'viewBox="0 0 {WIDTH} {self._height}" width="{WIDTH}">'
        )
        title = f"<title>{escape(self._title)}</title>"
        return "\n".join([head, title, f"<style>{_STYLE}</style>", *self._shapes, "</svg>", ""])


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
