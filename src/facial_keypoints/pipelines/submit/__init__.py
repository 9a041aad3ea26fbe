"""Submit: the champion's answers in Kaggle's format, checked, and scored where a key is known."""

from facial_keypoints.pipelines.submit.pipeline import create_pipeline

__all__ = ["create_pipeline"]
