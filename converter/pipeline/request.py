"""The options of a conversion, checked before any file is read."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from ..graph.zoo.nms_settings import NmsSettings, SettingError
from ..mappings.choices import (
    DTYPES,
    FOLDER,
    FORMATS,
    GRAPH_FORMATS,
    GRAPH_REFERENCES,
    IMAGE_SIDES,
    INITS,
    INPUT_DTYPES,
    LAYOUTS,
    OURS,
    PROOFS,
    REFERENCES,
    SAVED,
    SEEDS,
    check_choice,
    check_range,
)

if TYPE_CHECKING:
    from ..mappings.catalog import Size

PathLike = str | os.PathLike[str]
NO_NMS = "no_nms"  # in the braces of a template: NMS left out


class RequestError(ValueError):
    """Options that are invalid or conflict.

    Attributes:
        template: The message, with the names of the options in braces.
    """

    def __init__(self, template: str) -> None:
        self.template = template
        super().__init__(self.message(lambda name: "nms=False" if name == NO_NMS else name))

    def message(self, spell: Callable[[str], str]) -> str:
        """Return the message, with each option as the caller spells it (such as `--params`)."""
        names = [*(each.name for each in fields(Request)), NO_NMS]
        return self.template.format(**{name: spell(name) for name in names})


@dataclass(frozen=True, kw_only=True)
class Request:
    """Options of one conversion; `convert` and `convert_graph` describe them.

    Raises:
        RequestError: If options conflict.
        ValueError: If an input's data type is unknown.
    """

    model: str | None = None
    params: PathLike | None = None
    symbol: PathLike | None = None
    dequantize: bool = False
    init: str | None = None
    seed: int = 0
    out: PathLike = "weights"
    reference: PathLike = "auto"
    save_reference: PathLike | None = None
    sizes: Sequence[Size] = ()
    inputs: Mapping[str, tuple[tuple[int, ...], str]] | None = None
    outputs: Sequence[str] = ()
    nms_thresh: float | None = None
    score_thresh: float | None = None
    nms_topk: int | None = None
    post_nms: int | None = None
    nms: bool = True
    prove: Sequence[str] = ()
    dtype: str = "keep"
    allow_nonfinite: bool = False
    backbone: bool = False
    formats: Sequence[str] | None = None
    layout: str = OURS
    labels: PathLike | None = None
    report: PathLike | None = None

    def __post_init__(self) -> None:
        if self.init is not None:
            _require_choice("init", self.init, INITS)
        _require_choice("dtype", self.dtype, DTYPES)
        _require_choice("layout", self.layout, (*LAYOUTS, FOLDER))
        # a file without a name can be that of a network that is converted as a graph
        choices = GRAPH_FORMATS if self.is_graph or self.model is None else FORMATS
        if self.formats is not None and not self.formats:
            raise ValueError(f"formats is empty; choose from {', '.join(choices)}")
        for each in self.formats or ():
            _require_choice("formats", each, choices)
        check_range("seed", self.seed, SEEDS)
        for size in self.sizes:
            _check_size(size)
        for each in self.prove:
            _require_choice("prove", each, PROOFS)
        for name, (_, dtype) in (self.inputs or {}).items():
            check_choice(f"inputs: the data type of {name!r}", dtype, INPUT_DTYPES)
        try:
            settings = self.settings
        except SettingError as error:
            raise RequestError(f"{error.template}.") from error
        for applies, template in RULES:
            if applies(self):
                raise RequestError(template)
        if settings != NmsSettings():
            self._require_settings(settings)
        others = [name for name in _given(self) if name not in OF_GRAPHS]
        if self.is_graph and others:
            raise RequestError(
                f"{{{others[0]}}} applies to catalogue networks, not to {self.model or '{symbol}'}."
            )
        if not self.saved_reference:
            known = GRAPH_REFERENCES if self.is_graph else REFERENCES
            _require_choice("reference", os.fspath(self.reference), (*known, f"a {SAVED} file"))

    def _require_settings(self, settings: NmsSettings) -> None:
        """Require that the network has these settings of NMS."""
        from ..graph.zoo.zoo_settings import missing_settings
        from ..mappings.heads import load_heads
        from ..mappings.zoo import load_zoo

        assert self.model is not None, "settings without a model break one of the rules"
        head = load_zoo()[self.model].head
        template = missing_settings(load_heads()[head] if head is not None else None, settings)
        if template is not None:
            raise RequestError(f"{self.model}: {template}.")

    @property
    def is_graph(self) -> bool:
        """Whether the network is converted as a graph: a file's, or a stored one of the zoo."""
        from ..mappings.zoo import load_zoo

        return self.symbol is not None or (self.model is not None and self.model in load_zoo())

    @property
    def settings(self) -> NmsSettings:
        """The settings of NMS.

        Raises:
            SettingError: If one has an invalid value.
        """
        return NmsSettings(**{name: getattr(self, name) for name in SETTINGS})

    @property
    def saved_reference(self) -> bool:
        """Whether parity is measured against a saved reference."""
        return os.fspath(self.reference).endswith(SAVED)

    def folders(self) -> list[Path]:
        """The folders that will be written to."""
        found = [Path(self.out)]
        found += [Path(self.report)] if self.report is not None else []
        found += [Path(self.save_reference).parent] if self.save_reference is not None else []
        return found


def _require_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Require that the value of an option is one of its choices.

    Raises:
        RequestError: If it is not; lists the choices.
    """
    if value not in choices:
        shown = repr(value).replace("{", "{{").replace("}", "}}")
        raise RequestError(f"{{{name}}} is {shown}; it must be one of {', '.join(choices)}.")


def _check_size(size: object) -> None:
    if not (isinstance(size, Sequence) and len(size) == 2 and all(n in IMAGE_SIDES for n in size)):
        raise ValueError(f"sizes: {size!r} is not a height and a width, such as (224, 224)")


def _given(request: Request) -> list[str]:
    """Return the names of the options that differ from their defaults."""
    return [each.name for each in fields(Request) if getattr(request, each.name) != each.default]


SETTINGS = tuple(each.name for each in fields(NmsSettings))
"""Options of detectors."""

OF_GRAPHS = (
    "model",
    "init",
    "symbol",
    "params",
    "dequantize",
    "allow_nonfinite",
    "out",
    "reference",
    "save_reference",
    "sizes",
    "inputs",
    "outputs",
    "seed",
    "formats",
    "report",
    *SETTINGS,
)
"""Options of the conversion of an exported graph."""

RULES: tuple[tuple[Callable[[Request], bool], str], ...] = (
    (
        lambda r: r.params is not None and r.init is not None,
        "{params} and {init} are both sources of the weights: give only one of them.",
    ),
    (
        lambda r: r.backbone and r.params is None,
        "{backbone} extracts the trunk from a file: give the file with {params}.",
    ),
    (
        lambda r: r.layout == FOLDER and r.formats is not None,
        f"{{layout}} {FOLDER} is a format of its own: omit {{formats}}.",
    ),
    (
        lambda r: "onnx" in (r.formats or ()) and r.layout not in (OURS, FOLDER),
        "{layout} selects state_dict keys, which an ONNX file does not have.",
    ),
    (
        lambda r: "py" in (r.formats or ()) and r.layout not in (OURS, FOLDER),
        "{layout} selects state_dict keys; those of a source follow from it.",
    ),
    (
        lambda r: "py" in (r.formats or ()) and r.backbone,
        "{backbone} extracts a trunk, and the source is that of the whole network: omit py.",
    ),
    (
        lambda r: r.saved_reference and bool(r.sizes) and not r.is_graph,
        "a saved reference contains its own images: omit {sizes}.",
    ),
    (
        lambda r: r.save_reference is not None and (r.reference == "none" or r.saved_reference),
        "{save_reference} saves the outputs of gluon or graph, not of another {reference}.",
    ),
    (
        lambda r: r.save_reference is not None and Path(r.save_reference).suffix != SAVED,
        f"{{save_reference}} needs a file name that ends in {SAVED}.",
    ),
    (
        lambda r: "training" in r.prove and r.reference not in ("auto", "gluon"),
        "{prove} training trains Gluon's network, which needs {reference} gluon.",
    ),
    (
        lambda r: r.symbol is not None and r.params is None,
        "{symbol} needs a file of arrays: give it with {params}.",
    ),
    (
        lambda r: r.dequantize and r.symbol is None,
        "{dequantize} applies to exported graphs: give one with {symbol}.",
    ),
    (
        lambda r: r.symbol is not None and r.model is not None,
        "{symbol} already defines the network: omit {model}.",
    ),
    (
        lambda r: r.is_graph and r.reference == "graph",
        "{reference} graph would compare the graph with itself: without MXNet, give a file that "
        "{save_reference} wrote where MXNet is installed.",
    ),
    (
        lambda r: r.inputs is not None and not r.is_graph,
        "{inputs} gives the shape of a graph's input: give the graph with {symbol}, or name one of "
        "GluonCV's other networks as {model}.",
    ),
    (
        lambda r: bool(r.outputs) and not r.is_graph,
        "{outputs} names nodes of a graph: give the graph with {symbol}.",
    ),
    (
        lambda r: r.inputs is not None and bool(r.sizes),
        "{inputs} gives the whole shape of an input: omit {sizes}.",
    ),
    (
        lambda r: r.is_graph and r.model is not None and bool(r.sizes),
        "{sizes} applies to catalogue networks; give the shapes of this one with {inputs}.",
    ),
    (
        lambda r: r.settings != NmsSettings() and (r.model is None or not r.is_graph),
        "{nms_thresh}, {score_thresh}, {nms_topk}, {post_nms} and {nms} are settings of GluonCV's "
        "detectors: name one as {model}.",
    ),
    (
        lambda r: r.allow_nonfinite and r.reference != "none",
        "{allow_nonfinite} needs {reference} none: NaN and Inf cannot be proved equal.",
    ),
)
"""Conflicts of options: the condition, and the message."""
