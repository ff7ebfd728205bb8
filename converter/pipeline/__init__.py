"""A whole conversion, step by step; the only room but commands/ that calls across the others."""
