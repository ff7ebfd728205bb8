"""Attributes that are rarely right, for nodes that must be imported or refused."""

from __future__ import annotations

SECONDS = 1.0  # of processor time for one graph, the garbage of all before it included
VALUES = [
    *("", "0", "-1", "1", "2", "999999999999999999", "1e39", "1e308", "nan", "inf", "None", "x"),
    *("()", "(1,)", "(0, 0)", "(-1, -1)", "(2, 2)", "(1, 2, 3)", "(99999999999999, 3)", "(None,)"),
    *("(0, -4, 2, -1)", "(-4, -1, -1)", "(-3,)", "(-9,)", "[[1,2]]", "True", "False", "NHWC"),
]
ANYWHERE = ("axis", "dim", "num_outputs", "shape", "mode", "layout", "pool_type", "p", "scalar")
