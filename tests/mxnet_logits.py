"""MXNet's logits of the catalogue's networks, saved for a machine with a GPU and without MXNet.

    python -m tests.mxnet_logits [build/gpu/mxnet-logits.npz]

The file has, for each network with random weights, its logits in float64 for the images of the
map's proof, and the content hash of the weights.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from gluon2torch.mapping.assignment import array_specs
from gluon2torch.mapping.fit import fit
from gluon2torch.mappings.catalog import load_catalog
from gluon2torch.mappings.key_map import load_keymap
from gluon2torch.models import create_model
from gluon2torch.parity.map_proof import map_images
from gluon2torch.parity.proof import open_reference
from gluon2torch.sources.arrays import Array, Arrays
from gluon2torch.sources.random_arrays import draw_arrays
from gluon2torch.weights.content_hash import content_sha256
from gluon2torch.weights.converted import Converted, assemble
from gluon2torch.weights.gluon_arrays import gluon_arrays

FILE = Path(__file__).resolve().parents[1] / "build" / "gpu" / "mxnet-logits.npz"


def drawn_network(name: str) -> Converted:
    """A network of the catalogue with random weights, which need no MXNet."""
    entry = load_catalog()[name]
    with torch.device("meta"):
        state = create_model(name).state_dict()
    ones = {key: torch.ones(each.shape) for key, each in state.items()}
    shapes = {key: each.shape for key, each in gluon_arrays(entry.family, ones, name).items()}
    end = load_keymap(entry.family).residual_end[entry.network["block"]]
    arrays = draw_arrays(shapes, end, seed=0, uniform=True)
    return assemble(fit(entry, array_specs(arrays)).require(), arrays)


def read_logits(converted: Converted) -> Array | None:
    """The saved logits of a network with these weights; None if there are none."""
    if not FILE.is_file():
        return None
    name = converted.fit.entry.name
    with np.load(FILE) as saved:
        if f"{name}.sha256" not in saved or str(saved[f"{name}.sha256"]) != content_sha256(
            converted.tensors
        ):
            return None
        logits: Array = saved[name]
    return logits


def main(arguments: Sequence[str]) -> None:
    path = Path(arguments[0]) if arguments else FILE
    saved: Arrays = {}
    for name in load_catalog():
        converted = drawn_network(name)
        stages = converted.fit.keymap.stages
        reference = open_reference(converted, "gluon", stages)
        try:
            if "float64" not in reference.dtypes:
                print(f"{name}: MXNet does not compute it in float64")
                continue
            reference.cast("float64")
            (images,) = map_images(converted)
            saved[name] = reference(images.astype(np.float64))[stages[-1].name]
        finally:
            reference.close()
        saved[f"{name}.sha256"] = np.array(content_sha256(converted.tensors))
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **saved)
    print(f"{path}: {len(saved) // 2} networks, {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
