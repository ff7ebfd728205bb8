"""Folders to publish: built from records, checked, sent."""
