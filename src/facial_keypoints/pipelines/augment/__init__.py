"""Augment: add transformed copies of the faces."""

from facial_keypoints.pipelines.augment.pipeline import create_pipeline

__all__ = ["create_pipeline"]
