"""The predict pipeline."""

from kedro.pipeline import Node, Pipeline

from facial_keypoints.parameters import PredictParameters
from facial_keypoints.photos.confidence import calibrate_champion
from facial_keypoints.photos.video import is_video
from facial_keypoints.pipelines.predict import nodes

_MODEL = ["champion_model", "confidence_calibration", "mean_face", "params:predict"]


def create_pipeline(predict: PredictParameters) -> Pipeline:
    """Return the nodes from photos, a video or a camera to keypoints and annotated pictures.

    Args:
        predict: Names the source, which decides on the nodes.
    """
    calibration = Node(
        calibrate_champion,
        ["champion_model", "earlier_calibration"],
        "confidence_calibration",
        name="measure_confidence",
    )
    if predict.camera is not None:
        record = Node(
            nodes.record_camera, "params:predict", "camera_recording", name="check_camera"
        )
        source = [record, *_video_nodes("camera_recording")]
    elif is_video(predict.input):
        check = Node(nodes.check_video, "params:predict", "video_file", name="check_video")
        source = [check, *_video_nodes("video_file")]
    else:
        source = _photo_nodes()
    return Pipeline([calibration, *source], tags="predict")


def _photo_nodes() -> list[Node]:
    return [
        Node(nodes.list_photos, "params:predict", "photo_files", name="list_photos"),
        Node(nodes.find_faces, ["photo_files", "params:predict"], "face_crops", name="find_faces"),
        Node(nodes.predict_points, ["face_crops", *_MODEL], "face_points", name="predict_points"),
        Node(
            nodes.report_photos,
            ["photo_files", "face_crops", "face_points", "champion_model", "params:predict"],
            ["photo_results", "photo_points", "annotated_photos", "contact_sheet"],
            name="report_photos",
        ),
    ]


def _video_nodes(video: str) -> list[Node]:
    return [
        Node(nodes.track_faces, [video, *_MODEL], "video_faces", name="track_faces"),
        Node(
            nodes.report_video,
            [video, "video_faces"],
            ["video_points", "annotated_video"],
            name="report_video",
        ),
    ]
