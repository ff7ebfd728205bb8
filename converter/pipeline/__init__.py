"""Whole conversions; besides commands/, the only folder that combines all the others."""
