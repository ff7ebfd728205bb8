"""The proof that two networks are equal: references, measurements, saved references, the report."""
