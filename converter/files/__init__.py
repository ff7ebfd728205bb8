"""Files: atomic writes, hashes, downloads and their progress bar."""
