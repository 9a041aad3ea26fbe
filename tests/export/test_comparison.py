from dataclasses import replace

import numpy as np
import pytest
from parameters import section

from facial_keypoints.errors import InputError
from facial_keypoints.evaluation.records import Champion
from facial_keypoints.export import comparison
from facial_keypoints.export.comparison import FILE_NAMES, compare_formats, report_table
from facial_keypoints.export.running import FileResult
from facial_keypoints.parameters import ExportParameters

FILES = {name: b"x" * 1000 * (i + 1) for i, name in enumerate(FILE_NAMES)}
CHAMPION = Champion("tiny", "abc", None, validation_rmse=2.0, holdout_rmse=2.0)


@pytest.fixture
def compare(monkeypatch, make_faces):
    """Return a function that compares formats that are off by given pixels."""
    faces = make_faces(3)

    def run(labelled=True, **errors):
        def run_file(kind, path, images, seconds):
            assert path.read_bytes()
            error = errors.get(path.name.split(".")[1], 0)
            outputs = {"keypoints": faces.keypoints + np.float32(error)}
            ways = ["keras", "keras predict"] if kind == "keras" else [kind]
            return {way: FileResult(outputs, 1.0, 50.0, f"{kind} 1.0") for way in ways}

        monkeypatch.setattr(comparison, "run_file", run_file)
        given = faces if labelled else replace(faces, labelled=np.zeros_like(faces.labelled))
        parameters = section(ExportParameters, tolerance=0.01)
        return compare_formats(FILES, given, "hold-out", CHAMPION, parameters)

    return run


def test_report_has_a_row_per_format_with_size_difference_and_error(compare):
    report = compare(onnx=0.005)
    table = report_table(report).set_index("format")
    assert list(table.index) == [
        *("keras", "keras predict", "onnx", "litert", "litert float16", "litert int8")
    ]
    assert table.loc["onnx", "max_difference"] == pytest.approx(0.005, abs=1e-4)
    assert table.loc["onnx", "rmse"] == pytest.approx(0.005, abs=1e-4)
    assert table.loc["litert int8", "megabytes"] == 0.005
    assert (report.variant, report.faces, report.truth) == ("tiny", 3, "hold-out")


def test_error_is_unknown_without_labels(compare):
    report = compare(labelled=False)
    assert report.truth is None
    assert {each.rmse for each in report.formats} == {None}


@pytest.mark.parametrize("error", [0.5, float("nan")])
def test_float32_file_that_differs_from_keras_is_refused(compare, error):
    with pytest.raises(InputError, match=r"facial_keypoints.onnx: differs .* export.tolerance"):
        compare(onnx=error)
