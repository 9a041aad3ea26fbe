"""The split pipeline."""

from kedro.pipeline import Node, Pipeline

from facial_keypoints.pipelines.split.nodes import split_faces


def create_pipeline() -> Pipeline:
    """Create the pipeline that splits all samples into four disjoint sets."""
    return Pipeline(
        [
            Node(
                split_faces,
                ["augmented_faces", "params:split", "params:study"],
                [
                    "train_faces",
                    "validation_faces",
                    "holdout_faces",
                    "unseen_faces",
                    "split_summary",
                ],
                name="split_faces",
            )
        ],
        tags="split",
    )
