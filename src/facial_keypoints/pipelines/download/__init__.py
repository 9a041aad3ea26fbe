"""Download: the competition's archive from Kaggle, from a file, or drawn."""

from facial_keypoints.pipelines.download.pipeline import create_pipeline

__all__ = ["create_pipeline"]
