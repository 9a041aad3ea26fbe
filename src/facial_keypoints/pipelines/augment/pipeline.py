"""The augment pipeline."""

from kedro.pipeline import Node, Pipeline

from facial_keypoints.pipelines.augment.nodes import augment_faces
from facial_keypoints.plotting.faces import draw_augmentation_grid


def create_pipeline() -> Pipeline:
    """Create the pipeline that multiplies the samples by transformed copies."""
    return Pipeline(
        [
            Node(
                augment_faces,
                ["faces", "params:augment"],
                ["augmented_faces", "augmentation_summary"],
                name="augment_faces",
            ),
            Node(
                draw_augmentation_grid,
                ["augmented_faces", "augmentation_summary"],
                "augmentation_grid",
                name="draw_augmentation_grid",
            ),
        ],
        tags="augment",
    )
