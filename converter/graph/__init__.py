"""Import of MXNet graphs (`-symbol.json`) as torch modules."""
