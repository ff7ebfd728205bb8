"""Converted networks as files: writers, records, metadata, cards; opened, verified, compared."""
