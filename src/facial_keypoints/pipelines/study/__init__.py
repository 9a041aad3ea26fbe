"""Study: compare the trained variants with the paper."""

from facial_keypoints.pipelines.study.pipeline import create_pipeline

__all__ = ["create_pipeline"]
