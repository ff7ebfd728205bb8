"""Images: files → pixels → what a network is given."""
