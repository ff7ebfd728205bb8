"""The networks known, read from mappings/catalog.yaml."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .errors import UnknownModelError
from .record import Preprocessing
from .tables import check_keys, read_table

Size = tuple[int, int]


@dataclass(frozen=True)
class Dataset:
    """What a network was trained on, and how its images are prepared.

    Attributes:
        input_size: height and width of the published evaluation.
        odd_size: a second size for parity, odd at every stage and not square, so that rounding in
            strided layers shows.
        mean, std: of RGB values in 0 … 1, by channel.
        crop_pct: the crop's side over the short side after resizing; 1 where nothing is cropped.
        interpolation: of that resizing.
    """

    name: str
    num_classes: int
    input_size: Size
    odd_size: Size
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    crop_pct: float
    interpolation: str

    @property
    def preprocessing(self) -> Preprocessing:
        """How an image becomes the input of a network that was trained on it."""
        return Preprocessing(
            self.input_size, self.mean, self.std, self.crop_pct, self.interpolation
        )


@dataclass(frozen=True)
class Entry:
    """One network.

    Attributes:
        name: GluonCV's.
        published: the name its weights are published under.
        family: the key map, mappings/<family>.yaml.
        network: ResNet's arguments (models/resnet.py).
        parameters: of the published class count.
        arrays: in a file of Gluon's, of any class count.
        prefix: of its names in Gluon, where that is fixed and tells it from networks of the same
            shapes; None elsewhere.
        file: the name of the published `.params`, which pruned networks have another of.
        sha1: of the published `.params`; None where none was published.
        top1, top5: published accuracy in per cent; None where none was published.
    """

    name: str
    published: str
    family: str
    dataset: Dataset
    network: dict[str, Any]
    parameters: int
    arrays: int
    prefix: str | None
    file: str
    sha1: str | None
    top1: float | None
    top5: float | None


class Catalog(Mapping[str, Entry]):
    """The networks by GluonCV's name, in the order of the table.

    Attributes:
        published_set: the names of the 21 whose weights are published as a set (`--all`).
        licence: of the published weights, by its SPDX name in small letters.
        release: where the converted weights are published, an address; empty until they are.
    """

    def __init__(
        self, entries: list[Entry], published_set: list[str], licence: str, release: str
    ) -> None:
        self._entries = {entry.name: entry for entry in entries}
        self._by_any_name = {entry.published: entry for entry in entries} | self._entries
        self.published_set = published_set
        self.licence = licence
        self.release = release

    def __getitem__(self, name: str) -> Entry:
        return self._entries[name]

    def __iter__(self) -> Any:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, name: str) -> Entry:
        """The network of GluonCV's or the published name.

        Raises:
            UnknownModelError: with the near names.
        """
        entry = self._by_any_name.get(name.lower())
        if entry is None:
            near = difflib.get_close_matches(name.lower(), self._by_any_name, n=3, cutoff=0.6)
            hint = f"did you mean {' or '.join(near)}?" if near else "`--list` shows them all."
            raise UnknownModelError(f"no network is called {name!r}; {hint}")
        return entry


@functools.cache
def load_catalog() -> Catalog:
    """The catalogue.

    Raises:
        TableError: mappings/catalog.yaml is wrong.
    """
    table = read_table("catalog.yaml")
    where = "mappings/catalog.yaml"
    check_keys(table, where, required=["licence", "release", "datasets", "families"])
    datasets = {name: _dataset(name, row, where) for name, row in table["datasets"].items()}
    entries, published_set = [], []
    for family, group in table["families"].items():
        here = f"{where}: {family}"
        check_keys(group, here, required=["dataset", "network", "models"], optional=["in_set"])
        for name, row in group["models"].items():
            entries.append(_entry(name, family, row, group, datasets, f"{here}: {name}"))
            if row.get("in_set", group.get("in_set", True)) and row.get("sha1"):
                published_set.append(name)
    return Catalog(entries, published_set, table["licence"], table["release"])


def _dataset(name: str, row: dict[str, Any], where: str) -> Dataset:
    fields = Dataset.__dataclass_fields__.keys() - {"name"}
    check_keys(row, f"{where}: datasets: {name}", required=fields)
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in row.items()
    }
    return Dataset(name=name, **values)


def _entry(
    name: str,
    family: str,
    row: dict[str, Any],
    group: dict[str, Any],
    datasets: dict[str, Dataset],
    where: str,
) -> Entry:
    check_keys(
        row,
        where,
        required=["published", "network", "parameters", "arrays"],
        optional=["prefix", "file", "sha1", "top1", "top5", "input_size", "in_set"],
    )
    dataset = datasets[group["dataset"]]
    if "input_size" in row:
        dataset = replace(dataset, input_size=tuple(row["input_size"]))
    return Entry(
        name=name,
        published=row["published"],
        family=family,
        dataset=dataset,
        network={**group["network"], **row["network"]},
        parameters=row["parameters"],
        arrays=row["arrays"],
        prefix=row.get("prefix"),
        file=row.get("file", name),
        sha1=row.get("sha1"),
        top1=row.get("top1"),
        top5=row.get("top5"),
    )
