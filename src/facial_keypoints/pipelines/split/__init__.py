"""Split samples into training, validation, hold-out and unseen sets."""

from facial_keypoints.pipelines.split.pipeline import create_pipeline

__all__ = ["create_pipeline"]
