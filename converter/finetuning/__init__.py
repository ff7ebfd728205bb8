"""Fine-tuning of a checkpoint for other classes.

The training loop is our own: an epoch is sixty lines of torch, and training libraries do not
guarantee what this one does, that a run which was killed and resumed ends with the same bits.
"""
