"""Checkpoints: writing them with records and model cards; opening, verifying and comparing them."""
