"""Functions that compute MXNet's operators where torch has none with the same results."""
