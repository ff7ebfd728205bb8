"""Python source of an imported graph: named layers, and one class for each repeated block."""
