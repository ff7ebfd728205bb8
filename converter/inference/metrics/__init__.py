"""Measures of how good detections, segmentations, keypoints and classifications are."""
