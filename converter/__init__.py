"""Convert MXNet Gluon networks to PyTorch, exactly.

The public names are listed in __init__.pyi. Importing the package is cheap: each name is loaded
from its module on first use.
"""

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
