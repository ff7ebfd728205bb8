"""The tables, and their strict reader: the catalogue, key maps, layouts, class names, graphs.

Nothing here knows NumPy or torch.
"""
