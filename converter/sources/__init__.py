"""Sources of arrays: `.params` files, MXNet 2's `.npz`, GluonCV and the published weights."""
