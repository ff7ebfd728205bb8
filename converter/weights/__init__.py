"""Validation of arrays, and their conversion to a state_dict and back to Gluon's arrays."""
