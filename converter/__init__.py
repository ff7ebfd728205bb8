"""Converts MXNet Gluon's networks to PyTorch, exactly.

The public names are those of __init__.pyi. Importing this package imports nothing heavy: each name
is loaded from its module when it is first used.
"""

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
