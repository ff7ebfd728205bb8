"""Code snippets that load a checkpoint with the library whose keys it uses."""

from __future__ import annotations

from dataclasses import asdict

from ..mappings.catalog import load_catalog
from ..mappings.choices import OURS
from ..mappings.layout import load_layout
from .record import Record

_WEIGHTS = {
    ".pth": "torch.load({file!r}, weights_only=True)",
    ".safetensors": "load_file({file!r})",
}


def snippet(name: str, record: Record, file: str) -> str | None:
    """Return code that builds a record's network in a layout's library and loads a file into it.

    Args:
        name: Name of the layout.
        record: Record of the checkpoint.
        file: Path of the checkpoint, as it appears in the code.

    Returns:
        The code; None if the library does not have the network or cannot build it with these
        classes and channels, or if the file is not a state_dict.
    """
    layout, entry = load_layout(name), load_catalog()[record.model]
    row = layout.networks.get(entry.name)
    weights = next((code for suffix, code in _WEIGHTS.items() if file.endswith(suffix)), None)
    if row is None or weights is None:
        return None
    # other libraries' builders always add a classifier, and have three channels by default
    if name != OURS and not record.num_classes:
        return None
    if record.in_chans != 3 and "{in_chans}" not in layout.snippet:
        return None
    facts = {
        **asdict(record),
        "mean_255": [round(255 * value, 3) for value in entry.dataset.mean],
        "std_255": [round(255 * value, 3) for value in entry.dataset.std],
        "weights": weights.format(file=file),
    }
    text = layout.snippet.format(**{**facts, "build": row.build.format(**facts)})
    imports = "from safetensors.torch import load_file\n" if "load_file(" in text else ""
    return imports + text + (f"{row.fix}\n" if row.fix is not None else "")
