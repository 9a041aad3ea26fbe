"""Submit: the champion's predictions in Kaggle's format, checked and scored."""

from facial_keypoints.pipelines.submit.pipeline import create_pipeline

__all__ = ["create_pipeline"]
