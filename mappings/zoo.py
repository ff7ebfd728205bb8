"""The other networks of GluonCV's model list, read from mappings/zoo/<task>.yaml.

They are converted as graphs: their definition is the stored graph, mappings/graphs/.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import TableError, UnknownModelError
from .catalog import Entry, find_name, load_catalog
from .costs import Costs, load_costs
from .heads import load_heads
from .preprocessing import Rule, TaskPreprocessing
from .schema import Row
from .yaml_table import mapping_file, read_row, read_table

Shape = tuple[int, ...]
Channels = tuple[float, float, float]


@dataclass(frozen=True)
class ZooEntry:
    """One network.

    Attributes:
        name: GluonCV's name.
        task: What it is for: the stem of its table.
        family: Name of the architecture.
        classes: Data set whose classes it knows, or their number; None if it has no classes.
        labels: List of its outputs' names, mappings/labels/<labels>.txt; None if it has none.
        inputs: Shape of each input as published, with a batch of 1.
        proof: Shapes at which parity is measured; smaller where the network allows it.
        options: Arguments of GluonCV's `get_model`.
        float_name: Name of the network whose weights GluonCV loads for this name, which is that of
            an int8 network; None for all others.
        file: Name of the published `.params` file.
        sha1: SHA-1 of the published file; None if none was published.
        metrics: Published results, by the metric's name.
        damped: Patterns of the arrays whose random weights are made small, so that the network is
            well conditioned, and boxes stay inside the image.
        left_out: Prefixes of arrays in GluonCV's files that the graph does not have: they are
            second names of its arrays, or the network does not compute with them.
        unused: Names of the latter, which GluonCV's `load_parameters` requires all the same.
        preprocessing: How GluonCV's evaluation prepares its input.
        demo: How GluonCV's demonstration does, if otherwise; None if it does the same.
        head: How it makes its outputs, a name of heads.yaml; None if it has no classes.
    """

    name: str
    task: str
    family: str
    classes: str | int | None
    labels: str | None
    inputs: Mapping[str, Shape]
    proof: Mapping[str, Shape]
    options: Mapping[str, Any]
    float_name: str | None
    file: str
    sha1: str | None
    metrics: Mapping[str, float]
    damped: tuple[str, ...]
    left_out: tuple[str, ...]
    unused: tuple[str, ...]
    preprocessing: TaskPreprocessing
    demo: TaskPreprocessing | None
    head: str | None

    @property
    def costs(self) -> Costs:
        """What it costs to run and to store, for `inputs`; of an int8 network, in float32."""
        return load_costs(self.float_name or self.name)


class _Table(Row, frozen=True):
    families: dict[str, Any]
    mean: Channels = (0.0, 0.0, 0.0)
    std: Channels = (1.0, 1.0, 1.0)
    labels: dict[str, str] | None = None
    head: str | None = None


class _FamilyRow(Row, frozen=True):
    inputs: dict[str, Shape]
    models: dict[str, Any]
    preprocessing: Rule
    proof: dict[str, Shape] | None = None
    options: dict[str, Any] | None = None
    damped: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    demo: Rule | None = None
    mean: Channels | None = None
    std: Channels | None = None
    head: str | None = None


class _ModelRow(Row, frozen=True):
    classes: str | int | None = None
    inputs: dict[str, Shape] | None = None
    proof: dict[str, Shape] | None = None
    options: dict[str, Any] | None = None
    unused: tuple[str, ...] = ()
    float_name: str | None = None
    file: str | None = None
    sha1: str | None = None
    metrics: dict[str, float] | None = None
    preprocessing: Rule | None = None
    demo: Rule | None = None


@functools.cache
def load_zoo() -> Mapping[str, ZooEntry]:
    """Load mappings/zoo/*.yaml: the networks by name, in the order of the tables.

    Raises:
        TableError: A table is invalid; the message names the location.
    """
    entries: dict[str, ZooEntry] = {}
    for path in sorted(mapping_file("zoo").glob("*.yaml")):
        where = f"mappings/zoo/{path.name}"
        table = read_row(read_table(f"zoo/{path.name}"), _Table, where)
        for family, row in table.families.items():
            group = read_row(row, _FamilyRow, f"{where}: {family}")
            for name, model in group.models.items():
                here = f"{where}: {family}: {name}"
                if name in entries:
                    raise TableError(f"{here}: the network stands in another table, too")
                facts = read_row(model or {}, _ModelRow, here)
                entries[name] = _entry(name, path.stem, family, table, group, facts)
    for entry in entries.values():
        if entry.float_name not in (None, *entries, *load_catalog()):
            raise TableError(f"{entry.name}: the network {entry.float_name!r} is in no table")
        if entry.head not in (None, *load_heads()):
            raise TableError(f"{entry.name}: the head {entry.head!r} is not in mappings/heads.yaml")
    return entries


def find_network(name: str) -> Entry | ZooEntry:
    """Return the network of the catalogue or of the zoo with a name, in upper or lower case.

    For an int8 network it is the float network whose weights GluonCV loads for it.

    Raises:
        UnknownModelError: There is none; the message suggests similar names.
    """
    zoo = load_zoo()
    networks: dict[str, Entry | ZooEntry] = {**zoo, **load_catalog().by_any_name}
    found = find_name(name, networks)
    float_name = getattr(found, "float_name", None)
    return networks[float_name] if float_name is not None else found


def find_in_catalog(name: str) -> Entry:
    """Return the network of the catalogue with a name, in upper or lower case.

    Raises:
        UnknownModelError: There is none; the message suggests similar names, or how a network that
            is converted as a graph is built.
    """
    catalog = load_catalog()
    if name.lower() not in catalog.by_any_name and name.lower() in load_zoo():
        raise UnknownModelError(
            f"{name} is not in the catalogue: it is converted as a graph; build it with "
            "gluon2torch.create_zoo_model"
        )
    return catalog.find(name)


def _entry(
    name: str, task: str, family: str, table: _Table, group: _FamilyRow, row: _ModelRow
) -> ZooEntry:
    inputs = row.inputs or group.inputs
    mean, std = group.mean or table.mean, group.std or table.std
    rule, demo = row.preprocessing or group.preprocessing, row.demo or group.demo
    return ZooEntry(
        name=name,
        task=task,
        family=family,
        classes=row.classes,
        labels=_labels(row.classes, table),
        inputs=inputs,
        proof=row.proof or group.proof or inputs,
        options={**(group.options or {}), **(row.options or {})},
        float_name=row.float_name,
        file=row.file or name,
        sha1=row.sha1,
        metrics=row.metrics or {},
        damped=group.damped,
        left_out=group.left_out,
        unused=row.unused or group.unused,
        preprocessing=TaskPreprocessing(rule, mean, std),
        demo=None if demo is None else TaskPreprocessing(demo, mean, std),
        head=group.head or table.head,
    )


def _labels(classes: str | int | None, table: _Table) -> str | None:
    if not isinstance(classes, str):
        return None
    return (table.labels or {}).get(classes, classes)
