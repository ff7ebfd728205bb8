"""Graphs that libraries on MXNet exported, and the programs that did it."""
