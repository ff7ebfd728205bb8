"""The torch graph under construction, and the nodes as the operators' converters see them."""
