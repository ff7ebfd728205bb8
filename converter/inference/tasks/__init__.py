"""Predictions of GluonCV's other networks on image files and videos, by what the networks do."""
