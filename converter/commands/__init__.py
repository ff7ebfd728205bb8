"""The command line: options in, lines and JSON out."""
