"""Layers that compute MXNet's operators where torch.nn has none with the same results."""
