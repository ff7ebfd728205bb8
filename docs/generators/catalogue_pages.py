"""Pages of the catalogue: an overview, a page for each family, and the drawing of each graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from gluon2torch.graph.drawing.network_page import to_html
from gluon2torch.graph.symbols.precision import EXACT, ROUNDED
from gluon2torch.graph.symbols.symbol import VARIABLE, Graph
from gluon2torch.graph.zoo.stored_graph import load_graph
from gluon2torch.mappings.catalog import Entry, load_catalog
from gluon2torch.mappings.choices import LAYOUTS, OURS
from gluon2torch.mappings.key_map import KINDS, KeyMap, load_keymap
from gluon2torch.mappings.layout import load_layout

from .cost_columns import HEADINGS, amount, cost_cells
from .markdown_text import block, code, table
from .measured_parity import load_measured

FOLDER = "networks/"
TITLES = {"imagenet": "ImageNet", "cifar10": "CIFAR-10"}
GITHUB = "https://github.com/gluon2torch/gluon2torch/blob/main/"


def catalogue_pages(others: Mapping[str, str]) -> dict[str, str]:
    """The text of each page and drawing, by its path in the site.

    Args:
        others: Pages of the networks outside the catalogue, by their titles.
    """
    catalog, measured = load_catalog(), load_measured()
    families: dict[str, list[Entry]] = {}
    for entry in catalog.values():
        families.setdefault(entry.family, []).append(entry)
    graphs = {
        entry.name: load_graph(entry.name).graph
        for entry in catalog.values()
        if not load_keymap(entry.family).imperative
    }
    pages = {f"{FOLDER}index.md": _overview(catalog.values(), others)}
    for family, entries in families.items():
        pages[f"{FOLDER}{family}.md"] = _family(family, entries, graphs, measured)
    for name, graph in graphs.items():
        pages[f"{FOLDER}graphs/{name}.html"] = to_html(graph, name)
    return pages


def _overview(entries: Iterable[Entry], others: Mapping[str, str]) -> str:
    headings = ["Network", "Family", "Input", "Top-1", "Top-5", "Parameters", *HEADINGS]
    rows = [
        [
            f"[{entry.name}]({entry.family}.md#{anchor(entry.name)})",
            f"[{entry.family}]({entry.family}.md)",
            _size(entry),
            _percent(entry.top1),
            _percent(entry.top5),
            amount(entry.parameters),
            *cost_cells(entry),
        ]
        for entry in entries
    ]
    lines = "".join(f"- [{title}]({page.removeprefix(FOLDER)})\n" for title, page in others.items())
    return (
        "# Networks\n\n"
        f"The catalogue has {len(rows)} networks, in families of one key map each. Input is the "
        "height and width of the published evaluation in pixels; accuracies are those that GluonCV "
        "published with the weights, in per cent, and missing where it published none. The page "
        "of a family has the names of its layers here and in Gluon, its networks in other "
        "libraries, their graphs and their parity.\n\n"
        f"{table(headings, rows, right=headings[2:])}\n"
        "## GluonCV's other networks\n\n"
        "They are converted by name, too, as [graphs](../zoo.md):\n\n"
        f"{lines}"
    )


def _family(
    family: str,
    entries: list[Entry],
    graphs: Mapping[str, Graph],
    measured: Mapping[str, Any],
) -> str:
    keymap = load_keymap(family)
    options = _shared([entry.network for entry in entries])
    parts = [
        f"# {family}\n",
        f"Defined in GluonCV by `{keymap.source}`, for {TITLES[entries[0].dataset.name]}. "
        f"{_prepared(entries[0])} `create_model` passes these arguments to `ResNet`"
        f"{' and those of each network below' if len(entries) > 1 else ''}:\n",
        block(_arguments(options), "python"),
        "## Networks\n",
        _networks(entries),
        "## Parity\n",
        _parity(keymap, entries, measured),
        "## Key map\n",
        _key_map(keymap),
        "## Graphs\n",
        _graphs(keymap, entries, graphs),
        *(_network(entry, options) for entry in entries),
    ]
    return "\n".join(parts)


def _networks(entries: list[Entry]) -> str:
    headings = ["Network", "Published as", "Input", "Top-1", "Top-5", "Parameters", "Arrays"]
    headings += HEADINGS
    rows = [
        [
            f"[{entry.name}](#{anchor(entry.name)})",
            code(entry.published),
            _size(entry),
            _percent(entry.top1),
            _percent(entry.top5),
            f"{entry.parameters:,}",
            str(entry.arrays),
            *cost_cells(entry),
        ]
        for entry in entries
    ]
    return table(headings, rows, right=headings[2:])


def _parity(keymap: KeyMap, entries: list[Entry], measured: Mapping[str, Any]) -> str:
    limit = (
        f"GluonCV's network runs in float32 only: the outputs differ by at most {ROUNDED:g} of the "
        "largest."
        if keymap.imperative
        else f"The outputs differ by at most {EXACT:g} of the largest in float64, and by "
        f"{ROUNDED:g} in float32."
    )
    stages = table(
        ["Stage", "Gluon's block", "Module"],
        [[stage.name, code(stage.gluon), code(stage.torch)] for stage in keymap.stages],
    )
    headings = ["Network", "Images", "float64", "float32", "Key map"]
    rows = [
        [
            entry.name,
            ", ".join(row["inputs"]),
            *(f"{row[key]:.1e}" if key in row else "" for key in ("float64", "float32", "map")),
        ]
        for entry in entries
        if (row := measured.get(entry.name))
    ]
    figures = (
        "Measured with random weights against GluonCV's network on MXNet: the largest difference "
        "of the logits, divided by the largest logit.\n\n" + table(headings, rows, headings[2:])
    )
    return f"{limit} They are compared after each of these stages " + (
        f"(see [how the proof works](../proof.md)):\n\n{stages}\n{figures}"
    )


def _key_map(keymap: KeyMap) -> str:
    kinds = {rule.kind: KINDS[rule.kind] for rule in keymap.rules}
    rows = [[rule.kind, code(rule.source), code(rule.target)] for rule in keymap.rules]
    parameters = [
        [kind, ", ".join(f"`{gluon}` → `{ours}`" for gluon, ours in facts.parameters.items())]
        for kind, facts in kinds.items()
    ]
    return (
        f"[{keymap.where}]({GITHUB}{keymap.where}) renames Gluon's layers to those of the "
        "state_dict, whose keys are timm's:\n\n"
        f"{table(['Kind', 'Gluon', 'state_dict'], rows)}\n"
        "The kind of a layer determines its parameters:\n\n"
        f"{table(['Kind', 'Parameters'], parameters)}"
    )


def _graphs(keymap: KeyMap, entries: list[Entry], graphs: Mapping[str, Graph]) -> str:
    if keymap.imperative:
        return "GluonCV's network does not run as a graph, so that none is stored.\n"
    rows = []
    for entry in entries:
        counts = Counter(node.op for node in graphs[entry.name].nodes if node.op != VARIABLE)
        rows.append(
            [
                f"[{entry.name}](graphs/{entry.name}.html)",
                str(counts.total()),
                ", ".join(f"{count} {op}" for op, count in counts.most_common(4)),
            ]
        )
    return (
        "MXNet's graph of each network, with repeated blocks folded; it is what `--reference "
        "graph` computes.\n\n"
        + table(["Drawing", "Operators", "Most frequent"], rows, right=["Operators"])
    )


def _network(entry: Entry, options: Mapping[str, Any]) -> str:
    own = {name: value for name, value in entry.network.items() if name not in options}
    source = (
        f"The published file is `{entry.file}-{entry.sha1[:8]}.params`."
        if entry.sha1
        else "No weights were published."
    )
    rows, notes = [], []
    for name in LAYOUTS:
        layout = load_layout(name)
        row = layout.networks.get(entry.name)
        if row is not None:
            text = f"timm.create_model({row.build!r})" if name == OURS else row.build
            rows.append([layout.title, code(text.format(num_classes=entry.dataset.num_classes))])
            notes += [row.note] if row.note else []
    return "\n".join(
        [
            f"## {entry.name} {{ #{anchor(entry.name)} }}\n",
            f"{source}\n",
            block(f"gluon2torch convert {entry.name}"),
            block(f'create_model("{entry.name}")  # {_arguments(own)}', "python") if own else "",
            table(["Library", "Network"], rows) if rows else "No other library has this network.\n",
            *notes,
        ]
    )


def _prepared(entry: Entry) -> str:
    dataset = entry.dataset
    mean, std = (", ".join(f"{value:g}" for value in each) for each in (dataset.mean, dataset.std))
    return (
        f"Images are RGB, with mean ({mean}) and standard deviation ({std}); "
        f"the crop is {dataset.crop_pct:g} of the shorter side."
    )


def _shared(options: list[dict[str, Any]]) -> dict[str, Any]:
    first, *others = options
    return {
        name: value
        for name, value in first.items()
        if all(each.get(name) == value for each in others)
    }


def _arguments(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in options.items())


def anchor(name: str) -> str:
    """The anchor of a network's section."""
    return name.replace(".", "-")


def _size(entry: Entry) -> str:
    return "×".join(map(str, entry.dataset.input_size))


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
