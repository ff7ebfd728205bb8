"""Predictions as pictures: detected objects, segments, poses and depth."""
