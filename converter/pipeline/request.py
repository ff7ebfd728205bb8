"""What is asked of a conversion, checked before anything is read."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from ..mappings.choices import (
    DTYPES,
    FOLDER,
    FORMATS,
    GRAPH_REFERENCES,
    INITS,
    LAYOUTS,
    OURS,
    REFERENCES,
    SAVED,
    check_choice,
)

if TYPE_CHECKING:
    from ..mappings.catalog import Size

PathLike = str | os.PathLike[str]


class RequestError(ValueError):
    """Options that cannot be, or do not go together.

    Attributes:
        template: the message, with the options' names in braces.
    """

    def __init__(self, template: str) -> None:
        self.template = template
        super().__init__(self.message(lambda name: name))

    def message(self, spell: Callable[[str], str]) -> str:
        """The message, with each option spelled as the caller knows it."""
        return self.template.format(**{each.name: spell(each.name) for each in fields(Request)})


@dataclass(frozen=True, kw_only=True)
class Request:
    """One conversion; `convert` and `convert_graph` explain the fields.

    Raises:
        RequestError: fields that do not go together.
        ValueError: a field is none of its choices.
    """

    model: str | None = None
    params: PathLike | None = None
    symbol: PathLike | None = None
    init: str | None = None
    seed: int = 0
    out: PathLike = "weights"
    reference: PathLike = "auto"
    save_reference: PathLike | None = None
    sizes: Sequence[Size] = ()
    dtype: str = "keep"
    allow_nonfinite: bool = False
    backbone: bool = False
    formats: Sequence[str] | None = None
    layout: str = OURS
    labels: PathLike | None = None
    report: PathLike | None = None

    def __post_init__(self) -> None:
        if self.init is not None:
            check_choice("init", self.init, INITS)
        check_choice("dtype", self.dtype, DTYPES)
        check_choice("layout", self.layout, (*LAYOUTS, FOLDER))
        if self.formats is not None and not self.formats:
            raise ValueError(f"formats is empty; it can be {', '.join(FORMATS)}")
        for each in self.formats or ():
            check_choice("formats", each, FORMATS)
        for applies, template in RULES:
            if applies(self):
                raise RequestError(template)
        if self.symbol is not None:
            if others := [name for name in _given(self) if name not in OF_GRAPHS]:
                raise RequestError(
                    f"{{{others[0]}}} is for networks of the catalogue, not for {{symbol}}."
                )
            check_choice("reference", os.fspath(self.reference), GRAPH_REFERENCES)
        elif not self.saved_reference:
            check_choice("reference", os.fspath(self.reference), (*REFERENCES, f"a file {SAVED}"))

    @property
    def saved_reference(self) -> bool:
        """Whether parity is measured against a file of saved outputs."""
        return os.fspath(self.reference).endswith(SAVED)

    def folders(self) -> list[Path]:
        """The folders that will be written to."""
        found = [Path(self.out)]
        found += [Path(self.report)] if self.report is not None else []
        found += [Path(self.save_reference).parent] if self.save_reference is not None else []
        return found


def _given(request: Request) -> list[str]:
    """The fields that differ from their defaults."""
    return [each.name for each in fields(Request) if getattr(request, each.name) != each.default]


OF_GRAPHS = ("symbol", "params", "out", "reference", "sizes", "seed")
"""What a conversion of an exported graph takes."""

RULES: tuple[tuple[Callable[[Request], bool], str], ...] = (
    (
        lambda r: r.params is not None and r.init is not None,
        "{params} and {init} both say where the weights come from: give one of them.",
    ),
    (
        lambda r: r.backbone and r.params is None,
        "{backbone} takes the trunk out of a file; name it with {params}.",
    ),
    (
        lambda r: r.layout == FOLDER and r.formats is not None,
        f"{{layout}} {FOLDER} has a format of its own: leave {{formats}} out.",
    ),
    (
        lambda r: "onnx" in (r.formats or ()) and r.layout not in (OURS, FOLDER),
        "{layout} names keys, and an ONNX file has none.",
    ),
    (
        lambda r: r.saved_reference and bool(r.sizes),
        "a saved reference has its own images: leave {sizes} out.",
    ),
    (
        lambda r: r.save_reference is not None and (r.reference == "none" or r.saved_reference),
        "{save_reference} saves the outputs of gluon or graph, not of another {reference}.",
    ),
    (
        lambda r: r.save_reference is not None and Path(r.save_reference).suffix != SAVED,
        f"{{save_reference}} writes a FILE{SAVED}.",
    ),
    (
        lambda r: r.symbol is not None and r.params is None,
        "{symbol} needs the arrays of a file: name it with {params}.",
    ),
    (
        lambda r: r.symbol is not None and r.model is not None,
        "{symbol} says what is computed: leave the {model} out.",
    ),
    (
        lambda r: r.symbol is not None and r.saved_reference,
        "a saved reference is for networks of the catalogue, not for {symbol}.",
    ),
    (
        lambda r: r.symbol is not None and r.reference == "graph",
        "{reference} graph would compare the graph with itself.",
    ),
)
"""What does not go together: the condition, and the message."""
