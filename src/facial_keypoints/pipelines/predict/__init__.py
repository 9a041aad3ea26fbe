"""Predict: the champion's keypoints on anybody's photos."""

from facial_keypoints.pipelines.predict.pipeline import create_pipeline

__all__ = ["create_pipeline"]
