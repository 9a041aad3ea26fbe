"""`kedro run --pipeline=compete` on small competitions."""

import io
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile

import numpy as np
import pandas as pd
import pytest
from fresh_processes import context_of, run_each_node
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.runner import SequentialRunner
from PIL import Image
from sessions import (
    assert_lines_fit,
    console_lines,
    kedro,
    make_project,
    read,
    run,
    runs_of,
)

from facial_keypoints.errors import InputError
from facial_keypoints.keypoints import COORDINATE_COLUMNS
from facial_keypoints.models.heads import NUM_HEADS
from facial_keypoints.models.registry import build_model
from facial_keypoints.pipelines.compete import nodes, training
from facial_keypoints.training.members import MemberResult
from facial_keypoints.training.session import Session
from facial_keypoints.training.speed import Speed
from facial_keypoints.training.task import TrainingResult

pytestmark = pytest.mark.session
TINY = {
    "minutes": 30,  # never reached
    "max_epochs": 1,
    "size": "tiny",
    "members": 1,
    "train": {"batch_size": 16, "deterministic": True, "precision": "float32"},
}


SYNTHETIC = {"source": "synthetic", "synthetic": {"train_faces": 60, "test_faces": 12}}


SPEED = Speed(trained=100.0, predicted=300.0, set_up_seconds=5.0)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("competition"))


@pytest.fixture(scope="module")
def lines():
    """What the console shows of the run of ``done``."""
    return []


@pytest.fixture(scope="module")
def done(project, lines):
    """The data folder after one run."""
    parameters = {"download": SYNTHETIC, "competition": TINY}
    bootstrap_project(project)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nodes, "measure_speeds", lambda *given: SPEED)
        with (
            KedroSession.create(project, env="test", runtime_params=parameters) as session,
            console_lines() as shown,
        ):
            session.run(pipeline_names=["compete"])
    lines.extend(shown)
    return project / "data" / "test"


def compete(folder, archive, **competition):
    """Predict an archive's test faces without MLflow and figures; returns the data folder."""
    project = make_project(folder / "project", database=False)
    parameters = {
        "download": {"source": "archive", "archive": str(archive)},
        "competition": {**TINY, **competition},
    }
    catalog = context_of(project, parameters).catalog
    catalog.save("session", Session(time.time()))
    SequentialRunner().run(pipelines["compete"].to_outputs("submission", "score_estimate"), catalog)
    return project / "data" / "test"


def test_synthetic_competition_is_predicted_and_scored(done):
    submission = pd.read_csv(done / "07_model_output" / "submission.csv")
    lookup = pd.read_csv(done / "03_primary" / "lookup.csv")
    assert submission["RowId"].tolist() == lookup["RowId"].tolist()
    assert submission["Location"].between(0, 96).all()
    score = read(done / "08_reporting" / "submission_score.json")
    assert score["rmse"] < 1.5 * score["mean_face_rmse"]


def test_log_lines_fit_80_columns(done, lines):
    assert any(text.split("  ")[1].startswith("member 1") for text in lines)
    assert_lines_fit(lines)


def test_score_is_estimated_and_labels_are_audited(done):
    estimate = read(done / "08_reporting" / "score_estimate.json")
    assert set(estimate["without_label_issues"]) == {"A", "B", "leaderboard"}
    assert estimate["members"] == 1
    label_issues = pd.read_csv(done / "08_reporting" / "label_issues.csv")
    assert list(label_issues.columns[:5]) == ["row", "index", "point", "score", "flagged"]
    assert (done / "08_reporting" / "label_issue_grid.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.slow  # a minute; test_fresh_processes.py does the same with the nodes of full
def test_each_node_in_a_fresh_process_gives_the_same_results(done, tmp_path):
    """With a bound on the epochs, and the same plan: it depends on the measured speed."""
    fresh = make_project(tmp_path / "project")
    data = fresh / "data" / "test"
    for name in ("session.json", "06_models/competition_plan.json"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(done / name, data / name)
    names = run_each_node(fresh, "compete", ["plan_budget"], download=SYNTHETIC, competition=TINY)
    assert {"train_first_stage", "train_members", "predict_test_faces"} <= {
        name.rpartition(".")[2] for name in names
    }
    for name in (
        *("07_model_output/submission.csv", "07_model_output/ensemble/test_predictions.npy"),
        *("08_reporting/label_issues.csv", "08_reporting/score_estimate.json"),
    ):
        assert (done / name).read_bytes() == (data / name).read_bytes(), name


def test_ensemble_predicts_on_photos(done, project, tmp_path):
    faces = np.load(done / "03_primary" / "test_faces.npz")["images"]
    for name, image in zip("ab", faces, strict=False):
        Image.fromarray(image).resize((200, 200)).save(tmp_path / f"{name}.png")
    (tmp_path / "c.jpg").write_bytes(b"no photo")
    parameters = {"predict": {"input": str(tmp_path), "finder": "whole"}}
    with KedroSession.create(project, env="test", runtime_params=parameters) as session:
        session.run(pipeline_names=["predict"])
    photos = done / "08_reporting" / "photos"
    points = pd.read_csv(photos / "photo_points.csv")
    assert points["photo"].tolist() == ["a.png", "b.png", "c.jpg"]
    assert points["nose_tip_x"].between(0, 200).tolist() == [True, True, False]
    assert points["nose_tip_confidence"][:2].between(0, 1).all()
    assert "is not a photo" in points["problem"][2]
    assert read(photos / "photo_results.json")["model"] == "ensemble"
    assert sorted(path.name for path in (photos / "annotated_photos").iterdir()) == [
        "a.png",
        "b.png",
    ]


def test_plan_describes_what_was_trained(done):
    plan = read(done / "06_models" / "competition_plan.json")
    assert plan["size"] == "tiny"
    assert plan["num_members"] == 1
    assert plan["epochs"] == 1
    assert plan["training_seconds"] < 60 * TINY["minutes"]


def test_mlflow_holds_the_ensemble_with_its_model(project, done):
    client, runs = runs_of(project, "facial-keypoints-test")
    parent, child = runs[:2]  # later tests run other pipelines in the project
    assert parent.info.status == child.info.status == "FINISHED"
    assert {"estimated_rmse", "label_issues"} <= set(child.data.metrics)
    assert child.data.tags["variant"] == "ensemble"
    assert "member_1_loss" in child.data.metrics
    version = client.get_model_version_by_alias("facial-keypoints-test", "champion")
    assert version.tags["variant"] == "ensemble"
    assert version.run_id == child.info.run_id
    champion = read(done / "07_model_output" / "champion.json")
    assert champion["mlflow_run_id"] == child.info.run_id
    assert champion["fingerprint"] == child.data.tags["fingerprint"]


def changed_archive(given, folder, change):
    """Write an archive like the given one, with other labels."""
    made = folder / given.name
    with zipfile.ZipFile(given) as source, zipfile.ZipFile(made, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "training.zip":
                with zipfile.ZipFile(io.BytesIO(content)) as inner:
                    table = change(pd.read_csv(inner.open("training.csv")))
                packed = io.BytesIO()
                with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as again:
                    again.writestr("training.csv", table.to_csv(index=False))
                content = packed.getvalue()
            target.writestr(name, content)
    return made


@pytest.fixture
def fake_models(monkeypatch):
    """Replaces trainings by models that predict all keypoints near one position."""

    history = pd.DataFrame({"epoch": [1], "loss": [9.0]})

    def place(x, y, failing=()):
        random = np.random.default_rng(0)

        def train(tasks, store, num_processes, workers):
            return [result_of(task, task.training.name in failing) for task in tasks]

        def result_of(task, fails):
            assert len(task.training.samples)
            model = build_model("heatmap_unet", task.training.settings)
            weights = [] if fails else model.get_weights()
            figures = ("float32", 1.0, 1, len(task.training.samples), 1.0, "time budget")
            failure = "the loss became nan" if fails else None
            result = TrainingResult(weights, weights, history, *figures, failure=failure)
            points = random.normal((x, y), 2, (len(task.images), NUM_HEADS, 2))
            return MemberResult(result, (points + (np.nan if fails else 0)).astype(np.float32))

        monkeypatch.setattr(training, "run_members", train)
        monkeypatch.setattr(nodes, "measure_speeds", lambda *given: SPEED)

    return place


def of_a(table):
    return table[table["mouth_left_corner_x"].notna()]


def of_b(table):
    others = [name for name in COORDINATE_COLUMNS if "corner" in name or "brow" in name]
    return table[table[[*others, "mouth_center_top_lip_x"]].isna().all(axis=1)]


def without_nose(table):
    return table.assign(nose_tip_x=np.nan, nose_tip_y=np.nan)


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        (of_a, "population B request left_eye_center, right_eye_center, nose_tip"),
        (of_b, "population A request left_eye_inner_corner"),
        (without_nose, "population A request nose_tip, of which training.csv has no label"),
        (lambda table: table[:50], None),
    ],
    ids=["only population A", "only population B", "no label of the nose", "fifty rows"],
)
def test_missing_labels_are_reported_and_predicted(
    done, tmp_path, caplog, fake_models, change, warning
):
    fake_models(48, 50)
    given = done / "01_raw" / "facial-keypoints-detection.zip"
    with caplog.at_level("WARNING"):
        data = compete(tmp_path, changed_archive(given, tmp_path, change))
    if warning is None:
        assert "of which" not in caplog.text
    else:
        assert warning in caplog.text
    submission = pd.read_csv(data / "07_model_output" / "submission.csv")
    assert len(submission) == len(pd.read_csv(data / "03_primary" / "lookup.csv"))
    assert submission["Location"].between(0, 96).all()


def test_mean_face_predicts_where_models_are_worse(done, tmp_path, caplog, fake_models):
    fake_models(5, 90)
    given = done / "01_raw" / "facial-keypoints-detection.zip"
    with caplog.at_level("WARNING"):
        data = compete(tmp_path, given, minutes=0.01)
    assert "exhausted before training" in caplog.text
    assert "predicting the mean of its labels" in caplog.text
    score = read(data / "08_reporting" / "score_estimate.json")
    assert score["predicted_by"] == {"A": "mean face", "B": "mean face"}
    assert 1 < score["without_label_issues"]["leaderboard"]["rmse"] < 20
    submission = pd.read_csv(data / "07_model_output" / "submission.csv")
    assert submission["Location"].nunique() <= 30 + 8


def test_failed_first_stage_model_is_survived(done, tmp_path, caplog, fake_models):
    fake_models(48, 50, failing={"first-stage model 1"})
    given = done / "01_raw" / "facial-keypoints-detection.zip"
    with caplog.at_level("WARNING"):
        data = compete(tmp_path, given)
    score = read(data / "08_reporting" / "score_estimate.json")
    assert 1 < score["without_label_issues"]["leaderboard"]["rmse"] < 40


def test_ensemble_without_any_trained_member_is_an_input_error(done, tmp_path, fake_models):
    fake_models(48, 50, failing={"member 1"})
    given = done / "01_raw" / "facial-keypoints-detection.zip"
    with pytest.raises(InputError, match="all ensemble members diverged"):
        compete(tmp_path, given)


@pytest.mark.slow
def test_killed_run_is_resumed(tmp_path):
    project = make_project(tmp_path / "project")
    parameters = (
        "download.source=synthetic,download.synthetic.train_faces=60,"
        "download.synthetic.test_faces=12,competition.minutes=30,competition.max_epochs=5,"
        "competition.size=tiny,competition.members=1,competition.train.batch_size=16"
    )
    command = [sys.executable, "-m", "kedro", "run", "--pipeline=compete", "--env=test"]
    command += ["--params", parameters]
    run = subprocess.Popen(
        command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    for line in run.stdout:
        if "member 1  epoch 2/5" in line:
            run.send_signal(signal.SIGKILL)
            break
    run.wait()
    assert run.returncode == -signal.SIGKILL
    again = kedro(project, *command[3:])
    assert again.returncode == 0, again.stderr
    assert re.search(r"member 1: resumed after epoch [23]", again.stdout)
    models = project / "data" / "test" / "06_models"
    assert not list(models.rglob("*.unfinished.npz"))


def test_unknown_parameter_is_refused_with_the_nearest_one(tmp_path):
    project = make_project(tmp_path / "project")
    with pytest.raises(InputError, match=r"competition\.minute: unknown .*did you mean 'minutes'"):
        run(project, "compete", competition={"minute": 5})
