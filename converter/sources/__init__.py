"""Where arrays come from: GluonCV, a `.params` file, the store of published files."""
