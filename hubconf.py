"""Entry points for `torch.hub.list`, `torch.hub.help` and `torch.hub.load`.

Example: `torch.hub.load(REPOSITORY, "gluon_resnet50_v1d", pretrained=True)`
"""

import importlib
import pathlib
import runpy

dependencies = [
    "torch",
    "numpy",
    "yaml",
    "rich",
    "safetensors",
    "msgspec",
    "lazy_loader",
    "filelock",
]

# load_package imports gluon2torch from this checkout, without installation
_package = runpy.run_path(str(pathlib.Path(__file__).with_name("convert.py")))["load_package"]()
globals().update(importlib.import_module(f"{_package.__name__}.release.torch_hub").entry_points())
