"""The catalogue of known networks, read from mappings/catalog.yaml."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import msgspec

from ..errors import TableError, UnknownModelError
from .costs import Costs, load_costs
from .schema import Row
from .yaml_table import read_row, read_table

Size = tuple[int, int]
T = TypeVar("T")


@dataclass(frozen=True)
class Preprocessing:
    """How an image is prepared as the network's input.

    Attributes:
        input_size: Height and width of the crop, in pixels.
        mean, std: Per channel, for RGB values in 0 … 1.
        crop_pct: Side of the crop / shorter side of the resized image; 1 means no cropping.
        interpolation: Method of that resizing.
    """

    input_size: Size
    mean: tuple[float, ...]
    std: tuple[float, ...]
    crop_pct: float
    interpolation: str


@dataclass(frozen=True)
class Dataset:
    """The data set that a network was trained on, and the preprocessing of its images.

    Attributes:
        input_size: Height and width of the published evaluation, in pixels.
        odd_size: A second size for parity, odd at every stage and not square, so that differences
            in the rounding of strided layers become visible.
        small_size: The same, as small as the network allows; for proofs with random weights.
        mean, std: Per channel, for RGB values in 0 … 1.
        crop_pct: Side of the crop / shorter side of the resized image; 1 means no cropping.
        interpolation: Method of that resizing.
    """

    name: str
    num_classes: int
    input_size: Size
    odd_size: Size
    small_size: Size
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    crop_pct: float
    interpolation: str

    @property
    def preprocessing(self) -> Preprocessing:
        """How an image is prepared for a network trained on this data set."""
        return Preprocessing(
            self.input_size, self.mean, self.std, self.crop_pct, self.interpolation
        )


@dataclass(frozen=True)
class Entry:
    """One network of the catalogue.

    Attributes:
        name: GluonCV's name.
        published: Name under which the weights are published.
        family: Name of the key map, mappings/<family>.yaml.
        network: Arguments of ResNet (models/resnet.py).
        parameters: Number of trainable parameters with the published class count.
        arrays: Number of arrays in a file of Gluon's, for any class count.
        prefix: Prefix of its names in Gluon, if that is fixed and distinguishes it from networks
            of the same shapes; None otherwise.
        file: Name of the published `.params` file; differs from `name` for pruned networks.
        sha1: SHA-1 of the published `.params`; None if none was published.
        top1, top5: Published accuracy in per cent; None if none was published.
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

    @property
    def costs(self) -> Costs:
        """What it costs to run and to store, at the data set's size."""
        return load_costs(self.name)


def find_name(name: str, networks: Mapping[str, T]) -> T:
    """Return the network with a name, in upper or lower case.

    Raises:
        UnknownModelError: There is none; the message suggests similar names.
    """
    found = networks.get(name.lower())
    if found is None:
        near = difflib.get_close_matches(name.lower(), networks, n=3, cutoff=0.6)
        every = "`gluon2torch convert --list` shows them all"
        hint = f"did you mean {' or '.join(near)}?" if near else every
        raise UnknownModelError(f"no network is called {name!r}; {hint}")
    return found


class Catalog(Mapping[str, Entry]):
    """The known networks by GluonCV's name, in the order of the table.

    Attributes:
        published_set: Names of the 21 networks whose weights are published as a set (`--all`).
        by_any_name: The same by GluonCV's and by the published name.
        licence: Licence of the published weights, an SPDX identifier in lower case.
        release: URL where the converted weights are published; empty until they are.
    """

    def __init__(
        self, entries: list[Entry], published_set: list[str], licence: str, release: str
    ) -> None:
        self._entries = {entry.name: entry for entry in entries}
        self.by_any_name: Mapping[str, Entry] = {
            entry.published: entry for entry in entries
        } | self._entries
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
        """Return the network with GluonCV's or the published name, in upper or lower case.

        Raises:
            UnknownModelError: There is none; the message suggests similar names.
        """
        return find_name(name, self.by_any_name)


class _CatalogTable(Row, frozen=True):
    licence: str
    release: str
    datasets: dict[str, Any]
    families: dict[str, Any]


class _DatasetRow(Row, frozen=True):
    num_classes: int
    input_size: Size
    odd_size: Size
    small_size: Size
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    crop_pct: float
    interpolation: str


class _FamilyRow(Row, frozen=True):
    dataset: str
    network: dict[str, Any]
    models: dict[str, Any]
    in_set: bool = True


class _ModelRow(Row, frozen=True):
    published: str
    network: dict[str, Any]
    parameters: int
    arrays: int
    prefix: str | None = None
    file: str | None = None
    sha1: str | None = None
    top1: float | None = None
    top5: float | None = None
    input_size: Size | None = None
    in_set: bool | None = None


@functools.cache
def load_catalog() -> Catalog:
    """Load mappings/catalog.yaml; the result is cached.

    Raises:
        TableError: The table is invalid; the message names the location.
    """
    where = "mappings/catalog.yaml"
    table = read_row(read_table("catalog.yaml"), _CatalogTable, where)
    datasets = {}
    for name, row in table.datasets.items():
        facts = read_row(row, _DatasetRow, f"{where}: datasets: {name}")
        datasets[name] = Dataset(name=name, **msgspec.structs.asdict(facts))
    entries, published_set = [], []
    for family, row in table.families.items():
        here = f"{where}: {family}"
        group = read_row(row, _FamilyRow, here)
        if group.dataset not in datasets:
            raise TableError(f"{here}: dataset {group.dataset!r} is not in the datasets section")
        for name, model in group.models.items():
            fields = read_row(model, _ModelRow, f"{here}: {name}")
            entries.append(_entry(name, family, fields, group, datasets[group.dataset]))
            in_set = group.in_set if fields.in_set is None else fields.in_set
            if in_set and fields.sha1:
                published_set.append(name)
    return Catalog(entries, published_set, table.licence, table.release)


def _entry(name: str, family: str, row: _ModelRow, group: _FamilyRow, dataset: Dataset) -> Entry:
    if row.input_size is not None:
        dataset = replace(dataset, input_size=row.input_size)
    return Entry(
        name=name,
        published=row.published,
        family=family,
        dataset=dataset,
        network={**group.network, **row.network},
        parameters=row.parameters,
        arrays=row.arrays,
        prefix=row.prefix,
        file=row.file or name,
        sha1=row.sha1,
        top1=row.top1,
        top5=row.top5,
    )
