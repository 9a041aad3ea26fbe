"""The predict pipeline."""

from kedro.pipeline import Node, Pipeline

from facial_keypoints.pipelines.predict.nodes import (
    find_faces,
    list_photos,
    measure_confidence,
    predict_points,
    report_photos,
)


def create_pipeline() -> Pipeline:
    """Return the nodes from photos to keypoints, tables and annotated photos."""
    return Pipeline(
        [
            Node(list_photos, "params:predict", "photo_files", name="list_photos"),
            Node(
                measure_confidence,
                ["champion_model", "earlier_calibration"],
                "confidence_calibration",
                name="measure_confidence",
            ),
            Node(find_faces, ["photo_files", "params:predict"], "face_crops", name="find_faces"),
            Node(
                predict_points,
                [
                    "face_crops",
                    "champion_model",
                    "confidence_calibration",
                    "mean_face",
                    "params:predict",
                ],
                "face_points",
                name="predict_points",
            ),
            Node(
                report_photos,
                ["photo_files", "face_crops", "face_points", "champion_model", "params:predict"],
                ["photo_results", "photo_points", "annotated_photos", "contact_sheet"],
                name="report_photos",
            ),
        ],
        tags="predict",
    )
