"""Compete: the best score within a time budget, and an estimate of it."""

from facial_keypoints.parameters import ENSEMBLE

__all__ = ["ENSEMBLE"]
