"""Tables and their strict reader: the catalogue, key maps, layouts, class names and graphs.

Nothing here imports NumPy or torch.
"""
