"""Python's garbage collection in whole programs, which import much and end soon."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# New objects between two collections. With Python's 700, the import of torch visits its 170,000
# objects again and again.
THRESHOLD = 50_000


@contextmanager
def rare_collections() -> Iterator[None]:
    """Collect garbage rarely in the block, and no more after it: the program ends then.

    With Python's own settings, a quarter of the time of `python -c "import torch"` goes to
    collections, half of it at the end. For whole programs only: nothing is collected any more of
    what exists at the end of the block.
    """
    gc.set_threshold(THRESHOLD)
    try:
        yield
    finally:
        gc.freeze()
