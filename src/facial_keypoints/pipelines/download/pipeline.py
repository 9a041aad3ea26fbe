"""The download stage."""

from kedro.pipeline import Node, Pipeline

from facial_keypoints.pipelines.download.nodes import choose_archive_source, find_answer_key


def create_pipeline() -> Pipeline:
    """From the parameters to the checked archive and, where there is one, its answer key."""
    return Pipeline(
        [
            Node(
                choose_archive_source, "params:download", "competition_archive", name="get_archive"
            ),
            Node(
                find_answer_key,
                ["params:download", "competition_archive"],
                "answer_key",
                name="find_answer_key",
            ),
        ],
        tags="download",
    )
