"""The two files of an exported network: `net-0000.params` and `net-symbol.json`."""

from __future__ import annotations

import os
import re
from pathlib import Path

AUTO = "auto"
"""What stands for the `-symbol.json` beside the arrays, where there is one."""

_EPOCH = re.compile(r"-\d{4,}$")


def symbol_beside(params: str | os.PathLike[str]) -> Path | None:
    """Return the `-symbol.json` that was exported with a `.params`; None if it is not there.

    MXNet names the two `net-symbol.json` and `net-0000.params`, with the number of the epoch.
    """
    path = Path(params)
    for stem in dict.fromkeys((_EPOCH.sub("", path.stem), path.stem)):
        symbol = path.with_name(f"{stem}-symbol.json")
        if symbol.is_file():
            return symbol
    return None
