"""Augment: more samples from the faces, picture and points moved by the same matrix."""

from facial_keypoints.pipelines.augment.pipeline import create_pipeline

__all__ = ["create_pipeline"]
