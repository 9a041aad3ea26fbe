"""Download: the archive from Kaggle, from a local file, or synthetic."""

from facial_keypoints.pipelines.download.pipeline import create_pipeline

__all__ = ["create_pipeline"]
