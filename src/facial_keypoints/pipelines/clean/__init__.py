"""Clean: Kaggle's text tables to checked arrays, and a report of them."""

from facial_keypoints.pipelines.clean.pipeline import create_pipeline

__all__ = ["create_pipeline"]
