"""Train: one variant at a time, each in a namespace of its own."""

from facial_keypoints.pipelines.train.pipeline import create_pipeline

__all__ = ["create_pipeline"]
