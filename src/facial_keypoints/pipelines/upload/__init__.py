"""Upload: send the submission to Kaggle and read its score."""

from facial_keypoints.pipelines.upload.pipeline import create_pipeline

__all__ = ["create_pipeline"]
