"""From image files to the batches of pixels that a network takes."""
