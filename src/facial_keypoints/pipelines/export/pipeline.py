"""The export pipeline."""

from kedro.pipeline import Node, Pipeline

from facial_keypoints.photos.confidence import calibrate_champion
from facial_keypoints.pipelines.export import nodes


def create_pipeline() -> Pipeline:
    """Return the nodes from the champion to its files in each format, and their comparison."""
    return Pipeline(
        [
            Node(
                calibrate_champion,
                ["champion_model", "earlier_calibration"],
                "confidence_calibration",
                name="measure_confidence",
            ),
            Node(
                nodes.build_model,
                [
                    "champion_model",
                    "confidence_calibration",
                    "params:download",
                    "params:export",
                ],
                ["keras_file", "export_metadata"],
                name="build_exported_model",
            ),
            Node(
                nodes.convert_to_onnx,
                ["keras_file", "export_metadata"],
                "onnx_file",
                name="convert_to_onnx",
            ),
            Node(
                nodes.convert_to_litert,
                ["keras_file", "export_metadata"],
                ["litert_file", "litert_float16_file", "litert_int8_file"],
                name="convert_to_litert",
            ),
            Node(
                nodes.choose_export_faces,
                [
                    "champion_model",
                    "holdout_if_any",
                    "split_summary_if_any",
                    "test_faces",
                    "answer_key",
                    "lookup",
                    "params:export",
                ],
                "export_faces",
                name="choose_export_faces",
            ),
            Node(
                nodes.compare_files,
                {
                    "keras": "keras_file",
                    "onnx": "onnx_file",
                    "litert": "litert_file",
                    "litert_float16": "litert_float16_file",
                    "litert_int8": "litert_int8_file",
                    "faces": "export_faces",
                    "champion": "champion",
                    "answer_key": "answer_key",
                    "export": "params:export",
                },
                ["export_report", "export_table"],
                name="compare_files",
            ),
        ],
        tags="export",
    )
