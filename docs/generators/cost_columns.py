"""The columns of what a network costs to run and to store."""

from __future__ import annotations

from gluon2torch.mappings.catalog import Entry
from gluon2torch.mappings.zoo import ZooEntry

HEADINGS = ["Multiply-adds", "FLOPs", "Activations", "File"]


def cost_cells(entry: Entry | ZooEntry) -> list[str]:
    """The cells of a network."""
    costs = entry.costs
    counts = costs.multiply_adds, costs.flops, costs.activations
    return [*map(amount, counts), f"{costs.file_bytes / 1e6:.1f} MB"]


def amount(count: int) -> str:
    """A count for readers, such as `4.09 G` or `25.56 M`."""
    return f"{count / 1e9:.2f} G" if count >= 1e9 else f"{count / 1e6:.2f} M"
