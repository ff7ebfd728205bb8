"""Where arrays come from: `.params` files, MXNet 2's `.npz`, GluonCV, the published store."""
