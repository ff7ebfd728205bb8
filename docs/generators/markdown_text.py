"""Markdown of tables, code and lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = ()) -> str:
    """A table, whose columns with the headings in `right` are aligned to the right.

    A column without any text is left out.
    """
    lines = [list(row) for row in rows]
    kept = [
        place for place, heading in enumerate(headings) if any(line[place] for line in lines)
    ]  # fmt: skip
    rule = ["---:" if headings[place] in right else "---" for place in kept]
    text = [[headings[place] for place in kept], rule]
    text += [[line[place].replace("|", "&#124;") for place in kept] for line in lines]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in text)


def code(text: str) -> str:
    """Text as code, which is not broken where there is no space."""
    return f"`{text}`"


def codes(texts: Iterable[str]) -> str:
    """Texts as code, with commas between them."""
    return ", ".join(map(code, texts))


def block(text: str, language: str = "") -> str:
    """Lines of code."""
    return f"```{language}\n{text.rstrip()}\n```\n"


def sentence(text: str) -> str:
    """The first paragraph of a docstring in one line."""
    return " ".join(text.strip().split("\n\n")[0].split())
