"""Release folders: building, checking and uploading them, and torch.hub, which loads from them."""
