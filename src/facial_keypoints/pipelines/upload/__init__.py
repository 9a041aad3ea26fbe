"""Upload: the submission to Kaggle, and its score back."""

from facial_keypoints.pipelines.upload.pipeline import create_pipeline

__all__ = ["create_pipeline"]
