"""Facial keypoints: from Kaggle's archive to a scored submission."""

__version__ = "0.1.0"
