"""Evaluate: measure every variant and select the champion."""

from facial_keypoints.pipelines.evaluate.pipeline import create_pipeline

__all__ = ["create_pipeline"]
