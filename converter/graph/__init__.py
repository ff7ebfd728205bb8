"""MXNet's graphs: `-symbol.json` → what it computes, as a torch module."""
