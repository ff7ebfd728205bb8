"""Image pipeline, networks ready to run, predictions, accuracy, features and figures."""
