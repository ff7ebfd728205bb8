"""The graph of a `-symbol.json` file: its parser, attributes, variables and edits; no torch."""
