"""Clean: from Kaggle's text tables to checked arrays, and an account of what was found."""

from facial_keypoints.pipelines.clean.pipeline import create_pipeline

__all__ = ["create_pipeline"]
