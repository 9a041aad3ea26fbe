"""The clean stage."""

from kedro.pipeline import Node, Pipeline

from facial_keypoints.pipelines.clean.nodes import (
    account_for_faces,
    draw_faces_sheet,
    read_test_faces,
    read_training_faces,
    treat_missing_labels,
)


def create_pipeline() -> Pipeline:
    """From the archive to faces, test faces, the lookup table and an account of them."""
    return Pipeline(
        [
            Node(
                read_training_faces,
                "competition_archive",
                "faces_as_labelled",
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
                ["faces_as_labelled", "params:clean"],
                "faces",
                name="treat_missing_labels",
            ),
            Node(
                account_for_faces,
                ["faces_as_labelled", "test_faces", "lookup"],
                "data_account",
                name="account_for_faces",
            ),
            Node(
                draw_faces_sheet,
                ["faces_as_labelled", "data_account"],
                "faces_sheet",
                name="draw_faces_sheet",
            ),
        ],
        tags="clean",
    )
