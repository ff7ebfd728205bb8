"""A checkpoint, trained on for other classes.

The loop is ours: an epoch is sixty lines on torch, and training libraries do not promise what is
promised here, that a run which was killed and resumed ends with the same bits.
"""
