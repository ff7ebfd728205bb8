"""Runs a network's source on inputs; a script for a process in which this project is not used.

Its argument is a JSON text with the paths of the source, its weights, the inputs and the outputs,
the name of the network's class, the data type in which it computes, and the folders of libraries.
Inputs and outputs are safetensors files; `2.0` is the name of the first value of the third trial.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from typing import Any


def main(options: dict[str, Any]) -> None:
    """Load the source and its weights, run it on each trial's inputs, and save its outputs."""
    import torch
    from safetensors.torch import load_file, save_file

    spec = importlib.util.spec_from_file_location("network_source", options["source"])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network = getattr(module, options["network"])()
    network.load_state_dict(load_file(options["weights"]))
    dtype = getattr(torch, options["dtype"])
    network.eval().to(dtype)
    values = load_file(options["inputs"])
    outputs = {}
    for trial, count in enumerate(options["counts"]):
        inputs = [values[f"{trial}.{place}"] for place in range(count)]
        with torch.inference_mode():
            result = network(*inputs)
        heads = result if isinstance(result, tuple) else (result,)
        for place, head in enumerate(heads):
            outputs[f"{trial}.{place}"] = head.clone(memory_format=torch.contiguous_format)
    save_file(outputs, options["outputs"])


if __name__ == "__main__":
    # none of this project's code is there to be used, even where it is installed
    sys.modules["gluon2torch"] = None  # type: ignore[assignment]
    given = json.loads(sys.argv[1])
    sys.path[:] = given["path"]  # torch can be in the user's own folder, or in PYTHONPATH
    main(given)
