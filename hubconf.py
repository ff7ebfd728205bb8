"""torch.hub's entry points: `torch.hub.list`, `torch.hub.help` and `torch.hub.load` read them.

`torch.hub.load(REPOSITORY, "gluon_resnet50_v1d", pretrained=True)`
"""

import importlib
import importlib.util
import pathlib
import sys
import types

dependencies = ["torch", "numpy", "yaml", "rich", "safetensors"]
_NAME = "gluon2torch_converter"


def _converter() -> types.ModuleType:
    """Our package `converter`, which stands beside this file.

    It is loaded under a name of its own: the caller may have a `converter`, too, or come to.
    """
    folder = pathlib.Path(__file__).resolve().parent / "converter"
    known = sys.modules.get("converter")
    if known is not None and pathlib.Path(known.__file__ or "").resolve().parent == folder:
        return known
    if _NAME not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            _NAME, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        assert spec is not None
        assert spec.loader is not None
        sys.modules[_NAME] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[_NAME])
    return sys.modules[_NAME]


globals().update(importlib.import_module(f"{_converter().__name__}.hub").entry_points())
