"""Split: what trains, what validates, what is held out."""

from facial_keypoints.pipelines.split.pipeline import create_pipeline

__all__ = ["create_pipeline"]
