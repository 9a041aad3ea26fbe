"""Evaluate: what each variant is worth, and which is the champion."""

from facial_keypoints.pipelines.evaluate.pipeline import create_pipeline

__all__ = ["create_pipeline"]
