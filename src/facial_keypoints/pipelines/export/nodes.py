"""Nodes of the export pipeline."""

import pandas as pd

from facial_keypoints.errors import require_extra
from facial_keypoints.evaluation.answer_key import label_test_faces
from facial_keypoints.evaluation.champion import ChampionModel
from facial_keypoints.evaluation.records import Champion
from facial_keypoints.evaluation.splits import SplitSummary
from facial_keypoints.export import conversion
from facial_keypoints.export.comparison import compare_formats, report_table
from facial_keypoints.export.faces import (
    check_holdout,
    check_population,
    choose_faces,
    select_population,
    truth_of,
)
from facial_keypoints.export.metadata import ModelMetadata, describe_model
from facial_keypoints.export.records import ExportReport
from facial_keypoints.faces import FaceSet
from facial_keypoints.models.calibration import Calibration
from facial_keypoints.parameters import DownloadParameters, ExportParameters


def build_model(
    model: ChampionModel,
    calibration: Calibration,
    download: DownloadParameters,
    export: ExportParameters,
) -> tuple[bytes, ModelMetadata]:
    """Return the champion with named outputs as a .keras file, and its metadata.

    Args:
        model: The champion with its training.
        calibration: Of its confidence.
        download: Where its training data comes from.
        export: Names the population whose convention the keypoints follow.

    Raises:
        InputError: If the packages that convert are not installed, or the champion has no
            convention of population B.
    """
    require_extra("export", *conversion.PACKAGES)
    from facial_keypoints.models.deployment import build_deployed_model

    network = model.training.load_model()
    population = check_population(export.population, network.output_shape[1] // 2)
    deployed = build_deployed_model(network, calibration, population)
    metadata = describe_model(
        model.champion, download.source, list(deployed.output), export.population
    )
    return conversion.save_keras(deployed), metadata


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
    model: ChampionModel,
    holdout: FaceSet | None,
    split_summary: SplitSummary | None,
    test: FaceSet,
    answer_key: pd.DataFrame,
    lookup: pd.DataFrame,
    export: ExportParameters,
) -> FaceSet:
    """Return labelled faces that the champion, or a member of it, was not trained on.

    Args:
        model: The champion with its training.
        holdout: The hold-out of the last split, if there was one.
        split_summary: Of that split.
        test: The test images.
        answer_key: Their true values; no rows where only Kaggle knows them.
        lookup: The lookup table.
        export: The number of faces.

    Raises:
        InputError: If the hold-out is not there, or not that of the champion.
    """
    match truth_of(model.champion, answer_key):
        case "hold-out":
            faces = check_holdout(model.training, holdout, split_summary)
        case "answer key":
            labelled = label_test_faces(test, answer_key, lookup)
            faces = select_population(labelled, export.population)
        case _:
            faces = select_population(model.load_unseen().faces, export.population)
    return choose_faces(faces, export.faces, export.seed)


def compare_files(
    faces: FaceSet,
    champion: Champion,
    answer_key: pd.DataFrame,
    export: ExportParameters,
    **files: bytes,
) -> tuple[ExportReport, pd.DataFrame]:
    """Run every file on the same faces, and report sizes, differences, errors and latencies.

    Args:
        faces: The faces, with labels where they are known.
        champion: That the files hold.
        answer_key: True values of the test images; no rows where only Kaggle knows them.
        export: Tolerance, and time to measure for.
        files: Of each format (see ``comparison.FILE_NAMES``).

    Raises:
        InputError: If a float32 file does not predict as Keras does.
    """
    report = compare_formats(files, faces, truth_of(champion, answer_key), champion, export)
    return report, report_table(report)
