"""What each network costs to run and to store, read from mappings/costs.jsonl.

The file is generated from the networks (converter/pipeline/network_costs.py).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from ..errors import TableError
from .schema import structure
from .yaml_table import read_text

FILE = "costs.jsonl"


@dataclass(frozen=True)
class Costs:
    """Costs of a network with the published number of classes, at the published input size.

    Attributes:
        multiply_adds: Multiplications with an addition in convolutions, linear layers and matrix
            products, for one input. What is done to each value by itself is not counted, such as
            normalisation, nor is pooling.
        activations: Numbers that these layers return.
        file_bytes: Size of the `.pth` with float32 weights.
    """

    multiply_adds: int
    activations: int
    file_bytes: int

    @property
    def flops(self) -> int:
        """Floating-point operations, as torch's flop counter counts them: two a multiply-add."""
        return 2 * self.multiply_adds

    def as_dict(self) -> dict[str, int]:
        """The figures by name, with the operations."""
        return {"flops": self.flops, **asdict(self)}


def abbreviated(count: int) -> str:
    """A count for readers, such as `4.33 G` or, below a tenth of that unit, `40.81 M`."""
    return f"{count / 1e9:.2f} G" if count >= 1e8 else f"{count / 1e6:.2f} M"


def load_costs(name: str) -> Costs:
    """Load the costs of a network of the catalogue or of the zoo, by GluonCV's name.

    Raises:
        TableError: There are none, or the file is damaged.
    """
    costs = load_all_costs().get(name)
    if costs is None:
        raise TableError(f"mappings/{FILE}: {name} is missing; reinstall gluon2torch")
    return costs


@functools.cache
def load_all_costs() -> Mapping[str, Costs]:
    """Load the costs of all networks in the file, in its order.

    Raises:
        TableError: The file is missing or damaged.
    """
    table = {}
    for number, line in enumerate(read_text(FILE).splitlines(), 1):
        try:
            row = json.loads(line)
            table[str(row["name"])] = structure(row, Costs)
        except (ValueError, KeyError, TypeError) as error:
            where = f"mappings/{FILE}, line {number}"
            raise TableError(f"{where}: cannot be read ({error}); reinstall gluon2torch") from error
    return table


def costs_text(table: Mapping[str, Costs]) -> str:
    """The text of the file: a line for each network."""
    return "".join(f"{json.dumps({'name': name, **asdict(row)})}\n" for name, row in table.items())
