"""The split stage."""

from kedro.pipeline import Node, Pipeline

from facial_keypoints.pipelines.split.nodes import split_faces


def create_pipeline() -> Pipeline:
    """From all samples to four sets that share none."""
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
