"""The clean pipeline."""

from kedro.pipeline import Node, Pipeline

from facial_keypoints.pipelines.clean.nodes import (
    draw_face_grid,
    read_faces,
    summarize_faces,
    treat_missing_labels,
)


def create_pipeline() -> Pipeline:
    """Return the nodes from the archive to faces, the lookup table and a report of both."""
    return Pipeline(
        [
            Node(
                read_faces,
                ["competition_archive", "params:clean"],
                ["labelled_faces", "test_faces", "lookup", "data_issues"],
                name="read_faces",
            ),
            Node(
                treat_missing_labels,
                ["labelled_faces", "params:clean"],
                "faces",
                name="treat_missing_labels",
            ),
            Node(
                summarize_faces,
                ["labelled_faces", "test_faces", "lookup", "data_issues"],
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
