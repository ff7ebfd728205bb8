"""The inputs of a graph: their shapes, data types, batch and sizes, and what infers them."""
