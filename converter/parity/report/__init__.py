"""The HTML parity report: a page for each network, and an index of all pages."""
