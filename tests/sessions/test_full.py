"""Whole sessions on the tiny synthetic competition of `--env=test`."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import mlflow
import numpy as np
import pandas as pd
import pytest
from fake_kaggle import fake_kaggle
from sessions import (
    assert_lines_fit,
    console_lines,
    kedro,
    make_project,
    read,
    run,
    runs_of,
    statuses,
    trained,
)

from facial_keypoints.cli import user_message
from facial_keypoints.errors import InputError

pytestmark = pytest.mark.session


@pytest.fixture(autouse=True)
def no_run_left_open():
    yield
    assert mlflow.active_run() is None


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return a project in which `full` has run once."""
    project = make_project(tmp_path_factory.mktemp("finished"), database=False)
    before = Path.cwd()
    os.chdir(project)
    try:
        with console_lines() as lines:
            run(project)
        yield SimpleNamespace(path=project, data=project / "data" / "test", lines=lines)
    finally:
        os.chdir(before)


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    project = make_project(tmp_path / "project")
    monkeypatch.chdir(project)
    return project


def test_full_writes_a_complete_submission_and_its_score(finished):
    submission = pd.read_csv(finished.data / "07_model_output" / "submission.csv")
    lookup = pd.read_csv(finished.data / "03_primary" / "lookup.csv")
    key = pd.read_csv(finished.data / "01_raw" / "answer_key.csv")
    assert list(submission.columns) == ["RowId", "Location"]
    assert submission["RowId"].tolist() == lookup["RowId"].tolist()
    assert submission["Location"].between(0, 96).all()
    score = read(finished.data / "08_reporting" / "submission_score.json")
    both = key.merge(submission, on="RowId", suffixes=("_true", ""))
    expected = np.sqrt(((both["Location"] - both["Location_true"]) ** 2).mean())
    assert score["rmse"] == pytest.approx(expected)
    assert score["num_values"] == len(key) == len(both)


def test_log_lines_fit_80_columns(finished):
    assert sum("  epoch " in text for text in finished.lines) >= 4
    assert_lines_fit(finished.lines)


def test_full_writes_its_reports(finished):
    reports = finished.data / "08_reporting"
    table = pd.read_csv(reports / "leaderboard.csv")
    assert set(table["variant"]) == {"tiny-2cl", "tiny-3cl", "(mean face)"}
    champion = read(finished.data / "07_model_output" / "champion.json")
    assert champion["variant"] == table["variant"].iloc[0]
    figures = {path.name for path in reports.glob("*.png")}
    assert figures == {
        "face_grid.png",
        "augmentation_grid.png",
        "learning_curves.png",
        "error_per_point.png",
        "best_and_worst.png",
        "loss_by_depth.png",
        "loss_by_compute.png",
        *(f"study_figure_{number}.png" for number in (1, 2, 3, 4)),
    }
    page = (reports / "study.html").read_text()
    assert page.count("data:image/png;base64,") == 4  # none that needs more or the paper's variants
    assert "tiny-3cl" in page
    assert len(read(reports / "study.json")["missing"]) == 26
    assert len(pd.read_csv(reports / "study_table_3.csv")) == 16
    assert read(reports / "split_summary.json")["leaked_holdout_samples"] == 0
    hidden = {path.name for path in finished.data.rglob(".*") if path.suffix != ".sha256"}
    assert hidden == {".run.lock", ".fetching.lock"}  # no partial files


def test_mlflow_has_a_parent_run_and_a_child_run_per_variant(finished):
    client, runs = runs_of(finished.path)
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = {run.info.run_name: run for run in runs if "mlflow.parentRunId" in run.data.tags}
    assert len(parents) == 1
    assert set(children) == {"tiny-2cl", "tiny-3cl"}
    assert {run.info.status for run in runs} == {"FINISHED"}
    for name, child in children.items():
        assert child.data.tags["mlflow.parentRunId"] == parents[0].info.run_id
        assert child.data.params["architecture"] == "conv_stack"
        assert child.data.params["train.epochs"] == "2"
        curve = pd.read_csv(trained(finished.data, name) / "history.csv")
        logged = client.get_metric_history(child.info.run_id, "val_rmse")
        assert [point.value for point in logged] == pytest.approx(curve["val_rmse"].tolist())
        metrics = read(finished.data / "07_model_output" / name / "metrics.json")
        assert child.data.metrics["on_holdout/rmse"] == pytest.approx(metrics["holdout"]["rmse"])
        assert not any("per_keypoint" in name for name in child.data.metrics)
        artifacts = {file.path for file in client.list_artifacts(child.info.run_id)}
        assert {
            "learning_curve.png",
            "training_record.json",
            "model_summary.txt",
            "rmse_per_keypoint.json",
        } <= artifacts
        assert child.inputs.dataset_inputs[0].dataset.digest
    assert parents[0].data.params["download.synthetic.train_faces"] == "60"
    assert "kedro run --pipelines=full --env=test" in parents[0].data.tags["mlflow.note.content"]
    parent_artifacts = {file.path for file in client.list_artifacts(parents[0].info.run_id)}
    assert {"best_and_worst.png", "leaderboard.json", "submission.csv"} <= parent_artifacts
    assert {"study.html", "study.json", "study_table_3.csv"} <= parent_artifacts


def test_champion_is_registered_and_loads_from_mlflow(finished):
    client, _ = runs_of(finished.path)
    champion = read(finished.data / "07_model_output" / "champion.json")
    version = client.get_model_version_by_alias("facial-keypoints-test", "champion")
    assert version.run_id == champion["mlflow_run_id"]
    mlflow.set_tracking_uri(f"sqlite:///{finished.path}/mlflow.db")
    model = mlflow.pyfunc.load_model("models:/facial-keypoints-test@champion")
    assert model.metadata.get_input_schema().input_names() == ["image"]
    faces = np.load(finished.data / "03_primary" / "test_faces.npz")
    saved = np.load(
        finished.data / "07_model_output" / champion["variant"] / "test_predictions.npy"
    )
    found = model.predict(faces["images"])
    assert found.columns[0] == "left_eye_center_x"
    np.testing.assert_allclose(found.to_numpy().reshape(saved.shape), saved, atol=1e-3)
    assert "px on the hold-out" in version.description


def test_download_from_kaggle_and_upload_over_http(finished, monkeypatch, tmp_path):
    project = shutil.copytree(finished.path, tmp_path / "project")
    monkeypatch.chdir(project)
    data = project / "data" / "test"
    archive = data / "01_raw" / "facial-keypoints-detection.zip"
    with fake_kaggle(monkeypatch, tmp_path / "kaggle") as kaggle:
        kaggle.archive = archive.read_bytes()
        kaggle.polls_until_scored = 1
        run(project, "download,clean,submit", download={"source": "kaggle"})
        asked = len(kaggle.requests)
        run(project, "download", download={"source": "kaggle"})
        assert len(kaggle.requests) == asked  # what is there and sound is not downloaded again
        run(project, "upload", download={"source": "kaggle"}, upload={"poll_seconds": 0.01})
    assert kaggle.files[-1] == (data / "07_model_output" / "submission.csv").read_bytes()
    assert read(data / "08_reporting" / "submission_score.json")["rmse"] is None
    score = read(data / "08_reporting" / "kaggle_score.json")
    assert score["status"] == "complete"
    client, _ = runs_of(project)
    child = client.get_run(read(data / "07_model_output" / "champion.json")["mlflow_run_id"])
    assert child.data.metrics["kaggle_public_score"] == score["public_score"]
    assert child.data.metrics["kaggle_private_score"] == score["private_score"]
    assert child.data.tags["kaggle_reference"] == str(score["reference"])
    fingerprint = read(data / "07_model_output" / "submission_record.json")["fingerprint"]
    assert child.data.tags["kaggle_status"] == "complete"
    assert child.data.tags["kaggle_fingerprint"] == fingerprint
    assert child.info.run_id in kaggle.submissions[0]["description"]
    assert child.data.tags["kaggle_fingerprint"] in kaggle.submissions[0]["description"]
    assert set(statuses(project)) == {"FINISHED"}


def test_one_variant_is_trained_again_in_the_same_process(finished):
    earlier = trained(finished.data, "tiny-3cl")
    other = trained(finished.data, "tiny-2cl")
    untouched = {path: path.read_bytes() for f in (earlier, other) for path in f.iterdir()}
    run(finished.path, "train", only="tiny-3cl", train={"epochs": 1})
    now = trained(finished.data, "tiny-3cl")
    assert now != earlier
    assert read(now / "training_record.json")["epochs"] == 1
    assert trained(finished.data, "tiny-2cl") == other
    assert {path: path.read_bytes() for path in untouched} == untouched
    assert set(statuses(finished.path)) == {"FINISHED"}


@pytest.mark.fault(
    "Stale results",
    "evaluation of a training of other parameters",
    "refused, with the differences",
)
def test_training_of_other_parameters_is_not_evaluated(finished):
    submission = finished.data / "07_model_output" / "submission.csv"
    before = submission.read_bytes()
    with pytest.raises(InputError, match=r"tiny-2cl was trained .*train\.epochs 2, now 7"):
        run(finished.path, "evaluate", train={"epochs": 7})
    assert submission.read_bytes() == before
    assert set(statuses(finished.path)[-3:]) == {"FAILED", "KILLED"}


def test_evaluation_in_a_later_session_names_the_run_that_trained_the_model(finished):
    record = read(trained(finished.data, "tiny-2cl") / "training_record.json")
    run(finished.path, "evaluate", study={"only": ["tiny-2cl"]})
    champion = read(finished.data / "07_model_output" / "champion.json")
    assert champion["mlflow_run_id"] == record["mlflow_run_id"]
    client, _ = runs_of(finished.path)
    version = client.get_model_version_by_alias("facial-keypoints-test", "champion")
    assert version.run_id == record["mlflow_run_id"]


def test_study_split_by_sample_with_seeds_measures_leak_and_spread(finished):
    before = trained(finished.data, "tiny-2cl")
    run(
        finished.path,
        "split,train,evaluate,study",
        study={"only": ["tiny-2cl"], "seeds": "0+1"},
        split={"by": "sample", "unseen": 0.2},
    )
    table = pd.read_csv(finished.data / "08_reporting" / "study_others.csv")
    assert table["variant"].tolist() == ["tiny-2cl"]
    row = table.iloc[0]
    assert row["seeds"] == 2
    assert row["unseen_loss_sd"] > 0
    assert row["leak"] == pytest.approx(row["unseen_loss"] / row["test_loss"], rel=1e-3)
    metrics = read(finished.data / "07_model_output" / "tiny-2cl-seed1" / "metrics.json")
    assert metrics["unseen"]["samples"] != metrics["holdout"]["samples"]
    assert before.is_dir()  # trained on other samples and kept
    reports = finished.data / "08_reporting"
    assert len(list(reports.glob("study-*.html"))) >= 1  # earlier pages are kept, too


@pytest.mark.fault(
    "Killed",
    "kill -9, in the second variant of a study",
    "resumes; the first variant is reused",
)
@pytest.mark.slow
def test_killed_study_resumes_with_equal_results(fresh, tmp_path):
    arguments = ["run", "--pipelines=full", "--env=test", "--params"]
    arguments.append("train.deterministic=true,train.epochs=1")
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "kedro", *arguments],
        cwd=fresh,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for line in process.stdout:
        if "Variant 2 of 2" in line:
            process.kill()
            break
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    data = fresh / "data" / "test"
    (first,) = [path.parent.name for path in data.glob("06_models/*/current")]
    files = {path: path.stat().st_mtime_ns for path in trained(data, first).iterdir()}
    done = kedro(fresh, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("reusing training") == 1
    assert {path: path.stat().st_mtime_ns for path in files} == files
    again = kedro(fresh, *arguments)
    assert again.stdout.count("reusing training") == 2
    assert not list((data / "08_reporting").glob("study-*"))  # the same study, the same files

    whole = make_project(tmp_path / "whole")
    assert kedro(whole, *arguments).returncode == 0
    tables = [
        pd.read_csv(project / "data/test/08_reporting/study_others.csv").drop(columns="minutes")
        for project in (fresh, whole)
    ]
    pd.testing.assert_frame_equal(*tables)


def test_failing_node_leaves_no_run_open_and_keeps_earlier_results(finished):
    archive = finished.data / "01_raw" / "facial-keypoints-detection.zip"
    before = archive.read_bytes()
    key = archive.with_name("answer_key.csv")
    key_before = key.read_bytes()
    broken = finished.path / "broken.zip"
    broken.write_bytes(before[: len(before) // 2])
    with pytest.raises(Exception, match=r"broken\.zip") as caught:
        run(finished.path, "download", download={"source": "archive", "archive": str(broken)})
    assert "broken.zip" in user_message(caught.value)
    assert archive.read_bytes() == before
    assert key.read_bytes() == key_before
    assert statuses(finished.path)[-1] == "FAILED"
    assert "RUNNING" not in statuses(finished.path)


def test_run_of_a_failing_variant_is_failed(split_project, monkeypatch):
    from facial_keypoints.training import variants

    def fail(*_, **__):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(variants, "train_model", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        run(split_project, "train")
    assert sorted(statuses(split_project)) == ["FAILED", "FAILED", "KILLED"]


def test_wrong_parameters_raise_input_error_before_anything_runs(fresh):
    with pytest.raises(InputError, match=r"train\.epochz.*did you mean 'epochs'"):
        run(fresh, train={"epochz": 3})
    assert not (fresh / "data").exists()


def test_command_reports_an_error_in_one_message_and_exits_with_1(fresh):
    done = kedro(fresh, "run", "--pipeline=full", "--env=test", "--params", "study.only=tiny-9cl")
    assert done.returncode == 1
    assert "unknown variant 'tiny-9cl'" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [
        ("evaluate", r"(file not found|not been trained yet).*run"),
        ("trian", "unknown pipeline 'trian'.*'train'"),
        ("clean", "file not found; run: kedro run --pipeline=download"),
    ],
)
def test_pipeline_whose_inputs_are_missing_names_what_to_run(fresh, pipeline, message):
    with pytest.raises(Exception) as caught:  # noqa: PT011 (Kedro's, of several kinds)
        run(fresh, pipeline)
    assert re.search(message, user_message(caught.value), re.DOTALL)
    files = {path.name for path in fresh.glob("data/**/*") if path.is_file()}
    assert files <= {".run.lock", "session.json"}


def test_command_starts_without_warnings_and_without_tensorflow(fresh):
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from kedro.framework.cli import main\n"
        "from kedro.framework.session import KedroSession\n"
        "sys.argv = ['kedro', 'registry', 'list']\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as end:\n"
        "    assert not end.code\n"
        "with KedroSession.create(Path.cwd()) as session:\n"
        "    session.load_context().catalog\n"
        "print('tensorflow' in sys.modules, 'kaggle' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=fresh, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    *listed, imported = done.stdout.splitlines()
    names = {line.removeprefix("- ") for line in listed}
    assert {"full", "compete", "predict", "export", "upload"} <= names
    assert imported == "False False"
    assert "Warning" not in done.stdout + done.stderr
