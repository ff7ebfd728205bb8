"""The stored graphs of GluonCV's networks, and their edits for other classes and NMS settings."""
