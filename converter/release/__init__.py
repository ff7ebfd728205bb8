"""Folders to publish: chosen, built, checked, uploaded; and torch.hub, which loads from them."""
