"""Export: the champion as Keras, ONNX and LiteRT files, compared with each other."""

from facial_keypoints.pipelines.export.pipeline import create_pipeline

__all__ = ["create_pipeline"]
