"""Study: the paper's tables and figures again, beside its own numbers."""

from facial_keypoints.pipelines.study.pipeline import create_pipeline

__all__ = ["create_pipeline"]
