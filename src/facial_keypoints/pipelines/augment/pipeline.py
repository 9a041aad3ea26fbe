"""The augment stage."""

from kedro.pipeline import Node, Pipeline

from facial_keypoints.pipelines.augment.nodes import augment_faces, draw_augmented_sheet


def create_pipeline() -> Pipeline:
    """From faces to about four times as many samples."""
    return Pipeline(
        [
            Node(
                augment_faces,
                ["faces", "params:augment"],
                ["augmented_faces", "augmentation_account"],
                name="augment_faces",
            ),
            Node(
                draw_augmented_sheet,
                ["augmented_faces", "augmentation_account"],
                "augmented_sheet",
                name="draw_augmented_sheet",
            ),
        ],
        tags="augment",
    )
