"""Whole conversions; this folder and commands/ are the only ones that combine all the others."""
