"""Compare the formats of a model: sizes, differences, errors, latencies."""

import logging
import platform
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from facial_keypoints.errors import InputError
from facial_keypoints.evaluation.records import Champion
from facial_keypoints.export.records import ExportReport, FormatReport, Truth
from facial_keypoints.export.running import FileResult, run_file
from facial_keypoints.faces import FaceSet
from facial_keypoints.formatting import format_count
from facial_keypoints.metrics import rmse
from facial_keypoints.models.deployment import KEYPOINTS_OUTPUT
from facial_keypoints.parameters import ExportParameters

logger = logging.getLogger(__name__)

_PRECISION: Final = {"litert_float16": " float16", "litert_int8": " int8"}
"""What the name of a format has besides that of its runtime."""
_EXACT: Final = ("onnx", "litert")
"""Formats that compute as Keras does, but for rounding."""
FILE_NAMES: Final = {
    "keras": "facial_keypoints.keras",
    "onnx": "facial_keypoints.onnx",
    "litert": "facial_keypoints.tflite",
    "litert_float16": "facial_keypoints_float16.tflite",
    "litert_int8": "facial_keypoints_int8.tflite",
}
"""As in the catalog."""


def compare_formats(
    files: Mapping[str, bytes],
    faces: FaceSet,
    truth: Truth,
    champion: Champion,
    export: ExportParameters,
) -> ExportReport:
    """Run every format on the same faces.

    Args:
        files: Content of each of ``FILE_NAMES``.
        faces: The faces, with labels where they are known.
        truth: What the labels are.
        champion: That the files hold.
        export: Tolerance, and time to measure for.

    Raises:
        InputError: If ONNX or float32 LiteRT differs by more than the tolerance.
    """
    results = _run_all(files, faces, export.seconds)
    expected = results["keras", "keras"].outputs[KEYPOINTS_OUTPUT]
    report = ExportReport(
        variant=champion.variant,
        fingerprint=champion.fingerprint,
        faces=len(faces),
        truth=truth if faces.labelled.any() else None,
        processor=_processor(),
        formats=[
            _report(file, files[file], way, result, expected, faces)
            for (file, way), result in results.items()
        ],
    )
    _check(report, export.tolerance)
    return report


def _run_all(
    files: Mapping[str, bytes], faces: FaceSet, seconds: float
) -> dict[tuple[str, str], FileResult]:
    """The result of each file and way to run it."""
    results: dict[tuple[str, str], FileResult] = {}
    with tempfile.TemporaryDirectory() as folder:
        for file, content in files.items():
            path = Path(folder) / FILE_NAMES[file]
            path.write_bytes(content)
            logger.info("Running %s on %s, one core", path.name, format_count(len(faces), "face"))
            runs = run_file(file.partition("_")[0], path, faces.images, seconds)
            results |= {(file, way): result for way, result in runs.items()}
    return results


def _report(
    file: str,
    content: bytes,
    way: str,
    result: FileResult,
    expected: npt.NDArray[np.float32],
    faces: FaceSet,
) -> FormatReport:
    points = result.outputs[KEYPOINTS_OUTPUT]
    error = rmse(faces.keypoints, points, faces.labelled)
    return FormatReport(
        format=way + _PRECISION.get(file, ""),
        file=FILE_NAMES[file],
        megabytes=len(content) / 1e6,
        max_difference=float(np.abs(points - expected).max()),
        rmse=error if np.isfinite(error) else None,
        milliseconds_1=result.milliseconds_1,
        milliseconds_64=result.milliseconds_64,
        runtime=result.runtime,
    )


def _check(report: ExportReport, tolerance: float) -> None:
    for each in report.formats:
        if each.format in _EXACT and not each.max_difference <= tolerance:
            raise InputError(
                f"{each.file}: differs from Keras by up to {each.max_difference:.3g} px on "
                f"{report.faces:,} faces, more than export.tolerance={tolerance:g}; do not use it. "
                f"Try another version of {each.runtime.partition(' ')[0]} or of the converter"
            )


def report_table(report: ExportReport) -> pd.DataFrame:
    """Return the report as a table, a row per format."""
    return pd.DataFrame([vars(each) for each in report.formats])


def _processor() -> str:
    """The processor's name; on Linux it is in a file."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
