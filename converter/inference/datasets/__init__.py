"""Readers of the folders in which public data sets of images and videos are published."""
