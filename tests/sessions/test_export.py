"""The export pipeline, on a champion that was never trained; its files without this package."""

import io
import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from sessions import ROOT, make_project, read, run
from studies import split_summary
from trainings import make_record

from facial_keypoints.cli import user_message
from facial_keypoints.evaluation.records import Champion
from facial_keypoints.evaluation.splits import SetSummary, SplitSummary
from facial_keypoints.export.conversion import load_keras
from facial_keypoints.framework.datasets import (
    AtomicCSVDataset,
    FaceSetDataset,
    RecordDataset,
    TrainingDataset,
)
from facial_keypoints.keypoints import KEYPOINTS
from facial_keypoints.models.registry import build_model
from facial_keypoints.training.records import Training

pytestmark = pytest.mark.session

for package in ("onnx", "onnxruntime", "tf2onnx", "ai_edge_litert"):
    pytest.importorskip(package)


def save_champion(data: Path, holdout) -> None:
    """Save what a study leaves, as far as the export reads it."""
    model = build_model("heatmap_unet", {"filters": 8})
    heat_maps = model.get_layer("heat_maps")
    random = np.random.default_rng(0)
    heat_maps.set_weights([random.normal(0, 1, w.shape) for w in heat_maps.get_weights()])
    origin = {"training samples": "train"}
    record = make_record(variant="tiny-2cl", fingerprint="abc", origin=origin)
    history = pd.DataFrame({"epoch": [1, 2]})
    TrainingDataset(filepath=str(data / "06_models/tiny-2cl")).save(
        Training(record, history, lambda: model)
    )
    RecordDataset(
        record=f"{Champion.__module__}.Champion",
        filepath=str(data / "07_model_output/champion.json"),
    ).save(Champion("tiny-2cl", "abc", None, 3.0, 3.0))
    sets = {"train": SetSummary(1, 1, "train"), "holdout": SetSummary(1, 1, holdout.digest())}
    RecordDataset(
        record=f"{SplitSummary.__module__}.SplitSummary",
        filepath=str(data / "08_reporting/split_summary.json"),
    ).save(replace(split_summary(), **sets))
    for name in ("05_model_input/holdout_faces.npz", "03_primary/test_faces.npz"):
        FaceSetDataset(filepath=str(data / name)).save(holdout)
    for name in ("01_raw/answer_key.csv", "03_primary/lookup.csv"):
        empty = pd.DataFrame(columns=["RowId", "ImageId", "FeatureName", "Location"])
        AtomicCSVDataset(filepath=str(data / name), save_args={"index": False}).save(empty)


@pytest.fixture(scope="module")
def exported(tmp_path_factory, make_faces):
    """The data folder of a project whose champion is exported."""
    project = make_project(tmp_path_factory.mktemp("export") / "project")
    save_champion(project / "data/test", make_faces(12))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        run(project, "export")
    return project / "data/test"


def test_all_files_predict_as_keras_does(exported):
    report = read(exported / "08_reporting/export_report.json")
    by_format = {each["format"]: each for each in report["formats"]}
    assert len(by_format) == 6
    assert (report["faces"], report["truth"]) == (8, "hold-out")
    assert max(by_format[name]["max_difference"] for name in ("onnx", "litert")) < 1e-3
    assert by_format["litert float16"]["max_difference"] < 0.1
    assert by_format["litert int8"]["max_difference"] < 2
    assert all(each["milliseconds_1"] > 0 and each["rmse"] > 0 for each in report["formats"])
    table = pd.read_csv(exported / "08_reporting/export_table.csv")
    assert table["format"].tolist() == list(by_format)


def test_confidences_are_those_of_predict(exported, make_faces):
    from facial_keypoints.framework.project_catalog import load_catalog
    from facial_keypoints.models.spread import with_spread

    catalog = load_catalog(exported.parents[1], "test")
    images = make_faces(12).images
    network = catalog.load("champion_model").training.load_model()
    spread = np.asarray(with_spread(network)(images))[..., 2]
    expected = catalog.load("earlier_calibration").apply(spread)
    outputs = load_keras((exported / "07_model_output/facial_keypoints.keras").read_bytes())(images)
    np.testing.assert_allclose(outputs["confidences"], expected, atol=1e-4)


def test_smaller_precisions_make_smaller_files(exported):
    report = read(exported / "08_reporting/export_report.json")
    sizes = {each["format"]: each["megabytes"] for each in report["formats"]}
    assert sizes["litert int8"] < sizes["litert float16"] < sizes["litert"]


def test_files_carry_their_metadata(exported):
    import onnxruntime

    folder = exported / "07_model_output"
    session = onnxruntime.InferenceSession(folder / "facial_keypoints.onnx")
    of_onnx = session.get_modelmeta().custom_metadata_map
    assert [(each.name, each.shape) for each in session.get_inputs()] == [
        ("image", ["batch", 96, 96])
    ]
    assert json.loads(of_onnx["keypoints"]) == list(KEYPOINTS)
    assert of_onnx["fingerprint"] == "abc"
    for name in ("facial_keypoints", "facial_keypoints_float16", "facial_keypoints_int8"):
        content = io.BytesIO((folder / f"{name}.tflite").read_bytes())
        of_litert = json.loads(zipfile.ZipFile(content).read("metadata.json"))
        assert of_litert == read(folder / "export_metadata.json")
        assert set(of_litert["outputs"]) == {"keypoints", "confidences"}


WITHOUT_US = """
import runpy, sys
from importlib.abc import MetaPathFinder

class Refuse(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        assert name.partition(".")[0] not in {"tensorflow", "keras", "facial_keypoints"}, name

sys.meta_path.insert(0, Refuse())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize(
    ("example", "file"),
    [
        ("run_onnx.py", "facial_keypoints.onnx"),
        ("run_litert.py", "facial_keypoints_int8.tflite"),
    ],
)
def test_example_runs_a_file_without_this_package_and_without_tensorflow(
    exported, tmp_path, make_faces, example, file
):
    path = ROOT / "examples" / example
    code = [line for line in path.read_text().splitlines() if line.strip()]
    assert len(code) <= 21
    picture = tmp_path / "face.png"
    cv2.imwrite(str(picture), make_faces(1).images[0])
    model = exported / "07_model_output" / file
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_US, path, model, picture],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.split(",") for line in done.stdout.splitlines()]
    assert [line[1] for line in lines] == list(KEYPOINTS)
    assert all(0 < float(number) < 96 for line in lines for number in line[2:])


@pytest.mark.parametrize("example", ["run_onnx.py", "run_litert.py"])
@pytest.mark.parametrize("content", [None, b"", b"no picture"])
def test_example_names_a_missing_or_unreadable_picture_in_one_line(tmp_path, example, content):
    picture = tmp_path / "face.png"
    if content is not None:
        picture.write_bytes(content)
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / example, "any model", picture],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == f"{picture}: not found, or not a picture that OpenCV reads\n"


def test_without_a_champion_the_error_tells_what_to_run(tmp_path, monkeypatch):
    project = make_project(tmp_path / "project")
    monkeypatch.chdir(project)
    with pytest.raises(Exception, match="no champion yet") as caught:
        run(project, "export")
    assert "kedro run --pipeline=compete" in user_message(caught.value)
