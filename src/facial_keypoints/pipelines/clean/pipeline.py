"""The clean pipeline."""

from kedro.pipeline import Node, Pipeline

from facial_keypoints.archive.faces import read_test_faces, read_training_faces
from facial_keypoints.pipelines.clean.nodes import (
    draw_face_grid,
    summarize_faces,
    treat_missing_labels,
)


def create_pipeline() -> Pipeline:
    """Return the nodes from the archive to faces, the lookup table and a report of both."""
    return Pipeline(
        [
            Node(
                read_training_faces,
                "competition_archive",
                "labelled_faces",
                name="read_training_faces",
            ),
            Node(
                read_test_faces,
                "competition_archive",
                ["test_faces", "lookup"],
                name="read_test_faces",
            ),
            Node(
                treat_missing_labels,
                ["labelled_faces", "params:clean"],
                "faces",
                name="treat_missing_labels",
            ),
            Node(
                summarize_faces,
                ["labelled_faces", "test_faces", "lookup"],
                "data_report",
                name="summarize_faces",
            ),
            Node(
                draw_face_grid,
                ["labelled_faces", "data_report"],
                "face_grid",
                name="draw_face_grid",
            ),
        ],
        tags="clean",
    )
