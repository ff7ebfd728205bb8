"""The parity report: a page for each network, and an index over them."""
