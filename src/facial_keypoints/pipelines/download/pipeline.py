"""The download pipeline."""

from kedro.pipeline import Node, Pipeline

from facial_keypoints.pipelines.download.nodes import download_archive, find_answer_key


def create_pipeline() -> Pipeline:
    """Return the nodes from the parameters to the checked archive and its answer key."""
    return Pipeline(
        [
            Node(
                download_archive,
                ["params:download", "earlier_archive"],
                "competition_archive",
                name="download_archive",
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
