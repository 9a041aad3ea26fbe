"""Nodes of the export pipeline."""

import pandas as pd

from facial_keypoints.evaluation.records import Champion
from facial_keypoints.evaluation.splits import SplitSummary
from facial_keypoints.export import conversion
from facial_keypoints.export.comparison import compare_formats, report_table
from facial_keypoints.export.faces import check_holdout, choose_faces, label_test_faces
from facial_keypoints.export.metadata import ModelMetadata, describe_model
from facial_keypoints.export.records import ExportReport
from facial_keypoints.extras import require_extra
from facial_keypoints.faces import FaceSet
from facial_keypoints.parameters import DownloadParameters, ExportParameters
from facial_keypoints.training.records import Training


def build_model(
    training: Training, champion: Champion, download: DownloadParameters
) -> tuple[bytes, ModelMetadata]:
    """Return the champion with named outputs as a .keras file, and its metadata.

    Args:
        training: The champion's.
        champion: Its name and figures.
        download: Where its training data comes from.

    Raises:
        InputError: If the packages that convert are not installed.
    """
    require_extra("export", *conversion.PACKAGES)
    from facial_keypoints.models.deployment import build_deployed_model

    model = build_deployed_model(training.load_model())
    return conversion.save_keras(model), describe_model(
        champion, download.source, list(model.output)
    )


def convert_to_onnx(keras_file: bytes, metadata: ModelMetadata) -> bytes:
    """Return the model as an ONNX file.

    Args:
        keras_file: The .keras file.
        metadata: Of the model.
    """
    return conversion.convert_to_onnx(conversion.load_keras(keras_file), metadata)


def convert_to_litert(keras_file: bytes, metadata: ModelMetadata) -> tuple[bytes, bytes, bytes]:
    """Return the model as LiteRT files: float32, float16, and int8 (dynamic range).

    Args:
        keras_file: The .keras file.
        metadata: Of the model.
    """
    files = conversion.convert_to_litert(conversion.load_keras(keras_file), metadata)
    return files["float32"], files["float16"], files["int8"]


def choose_export_faces(
    training: Training,
    champion: Champion,
    holdout: FaceSet | None,
    split_summary: SplitSummary | None,
    test: FaceSet,
    answer_key: pd.DataFrame,
    lookup: pd.DataFrame,
    export: ExportParameters,
) -> FaceSet:
    """Return faces that the champion was not trained on, with labels where they are known.

    Args:
        training: The champion's.
        champion: Of a study it has been measured on the hold-out; an ensemble was not.
        holdout: The hold-out of the last split, if there was one.
        split_summary: Of that split.
        test: The test images.
        answer_key: Their true values; no rows where only Kaggle knows them.
        lookup: The lookup table.
        export: The number of faces.

    Raises:
        InputError: If the hold-out is not there, or not that of the champion.
    """
    if champion.holdout_rmse is None:
        faces = label_test_faces(test, answer_key, lookup)
    else:
        faces = check_holdout(training, holdout, split_summary)
    return choose_faces(faces, export.faces, export.seed)


def compare_files(
    faces: FaceSet, champion: Champion, export: ExportParameters, **files: bytes
) -> tuple[ExportReport, pd.DataFrame]:
    """Run every file on the same faces, and report sizes, differences, errors and latencies.

    Args:
        faces: The faces, with labels where they are known.
        champion: That the files hold.
        export: Tolerance, and time to measure for.
        files: Of each format (see ``comparison.FILE_NAMES``).

    Raises:
        InputError: If a float32 file does not predict as Keras does.
    """
    report = compare_formats(files, faces, champion, export)
    return report, report_table(report)
