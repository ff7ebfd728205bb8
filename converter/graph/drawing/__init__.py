"""Drawings of a graph: DOT and SVG by Graphviz, and a page of HTML."""
