"""`kedro run --pipeline=compete` on small competitions."""

import io
import signal
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
from facial_keypoints.training.member import TrainedNet
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from sessions import kedro, make_project, read, runs_of

from facial_keypoints.errors import InputError
from facial_keypoints.keypoints import COORDINATE_COLUMNS
from facial_keypoints.models.heads import NUM_HEADS
from facial_keypoints.models.registry import build_model
from facial_keypoints.pipelines.compete import nodes
from facial_keypoints.pipelines.compete.plan import SIZES
from facial_keypoints.training import member
from facial_keypoints.training import parallel as running

pytestmark = pytest.mark.session
TINY = {"minutes": 1.6, "size": "tiny", "members": 2, "recipe": {"batch_size": 16}}


def compete(project, archive=None, download=None, **competition):
    """One run in this process; returns the folder of its data."""
    download = download or {
        "source": "synthetic",
        "synthetic": {"train_faces": 60, "test_faces": 12},
    }
    if archive is not None:
        download = {"source": "archive", "archive": str(archive)}
    parameters = {"download": download, "competition": {**TINY, **competition}}
    bootstrap_project(project)
    with KedroSession.create(project, env="test", runtime_params=parameters) as session:
        session.run(pipeline_names=["compete"])
    return project / "data" / "test"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("competition"))


@pytest.fixture(scope="module")
def done(project):
    return compete(project)


def test_the_drawn_competition_is_answered_and_scored(done):
    submission = pd.read_csv(done / "07_model_output" / "submission.csv")
    lookup = pd.read_csv(done / "03_primary" / "lookup.csv")
    assert submission["RowId"].tolist() == lookup["RowId"].tolist()
    assert submission["Location"].between(0, 96).all()
    score = read(done / "08_reporting" / "submission_score.json")
    assert score["rmse"] < 1.5 * score["mean_face_rmse"]


def test_the_score_is_estimated_and_the_labels_are_audited(done):
    estimate = read(done / "08_reporting" / "score_estimate.json")
    assert set(estimate["without_suspects"]) == {"A", "B", "leaderboard"}
    assert estimate["members"] == 2
    label_issues = pd.read_csv(done / "08_reporting" / "label_issues.csv")
    assert list(label_issues.columns[:5]) == ["row", "index", "point", "score", "act"]
    assert (done / "08_reporting" / "label_issue_grid.png").read_bytes()[:4] == b"\x89PNG"


def test_the_plan_says_what_was_trained(done):
    plan = read(done / "06_models" / "competition_plan.json")
    assert plan["size"] == "tiny"
    assert plan["members"] == 2
    assert plan["training"] + plan["afterwards"] < 60 * TINY["minutes"]


def test_mlflow_holds_the_ensemble_with_its_model(project, done):
    client, runs = runs_of(project, "facial-keypoints-test")
    assert [run.info.status for run in runs] == ["FINISHED"] * 2
    parent, child = runs
    assert "estimate_without_suspects_leaderboard_rmse" in parent.data.metrics
    assert child.data.tags["variant"] == "ensemble"
    assert "net_1_loss" in child.data.metrics
    version = client.get_model_version_by_alias("facial-keypoints-test", "champion")
    assert version.tags["variant"] == "ensemble"
    assert version.run_id == child.info.run_id
    # by which an upload records Kaggle's score where the model is
    champion = read(done / "07_model_output" / "champion.json")
    assert champion["mlflow_run_id"] == child.info.run_id
    assert champion["fingerprint"] == child.data.tags["fingerprint"]


def spoilt(given, folder, change):
    """An archive like the given one with other labels."""
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
def nets_that_find(monkeypatch):
    """Puts nets in place of the real ones that find every point at one place, give or take."""

    def place(x, y, failing=()):
        random = np.random.default_rng(0)

        def train(queues):
            net = build_model("heatmap_unet", {**SIZES["tiny"], "points": NUM_HEADS})
            weights = net.get_weights()
            for queue in queues:
                for task in queue:
                    assert len(task.images)
                    found = random.normal((x, y), 2, (len(task.predict), NUM_HEADS, 2))
                    if task.name in failing:
                        found += np.nan
                    yield TrainedNet(
                        weights, weights, found.astype(np.float32), [(1.0, 1.0, 9.0)], 1, 1.0
                    )

        def side_by_side(work, queues, report, keep=True):
            if work is member.measure_speed:
                return [[member.Speed(100.0, 300.0)] for _ in queues]
            nets = train(queues)
            return [[next(nets) for _ in queue] for queue in queues]

        for module in (nodes, running):
            monkeypatch.setattr(module, "run_side_by_side", side_by_side)

    return place


def of_a(table):
    return table[table["mouth_left_corner_x"].notna()]


def of_b(table):
    others = [name for name in COORDINATE_COLUMNS if "corner" in name or "brow" in name]
    return table[table[[*others, "mouth_center_top_lip_x"]].isna().all(axis=1)]


def without_nose(table):
    return table.assign(nose_tip_x=np.nan, nose_tip_y=np.nan)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (of_a, "population B are asked for left_eye_center, right_eye_center, nose_tip"),
        (of_b, "population A are asked for left_eye_inner_corner"),
        (without_nose, "population A are asked for nose_tip, of which training.csv holds no label"),
        (lambda table: table[:50], None),
    ],
    ids=["only population A", "only population B", "no label of the nose", "fifty rows"],
)
def test_what_is_missing_is_told_and_answered_all_the_same(
    done, tmp_path, caplog, nets_that_find, change, told
):
    nets_that_find(48, 50)
    project = make_project(tmp_path / "project")
    given = done.parent / "01_raw" / "facial-keypoints-detection.zip"
    with caplog.at_level("WARNING"):
        data = compete(project, spoilt(given, tmp_path, change))
    if told is None:
        assert "are asked for" not in caplog.text
    else:
        assert told in caplog.text
    submission = pd.read_csv(data / "07_model_output" / "submission.csv")
    assert len(submission) == len(pd.read_csv(data / "03_primary" / "lookup.csv"))
    assert submission["Location"].between(0, 96).all()


def test_nets_that_are_worse_than_the_mean_do_not_answer(done, tmp_path, caplog, nets_that_find):
    nets_that_find(5, 90)
    project = make_project(tmp_path / "project")
    given = done.parent / "01_raw" / "facial-keypoints-detection.zip"
    with caplog.at_level("WARNING"):
        data = compete(project, given, minutes=0.01)
    assert "is over before the first step" in caplog.text
    assert "the mean of the labels by" in caplog.text
    score = read(data / "08_reporting" / "score_estimate.json")
    assert score["answered_by"] == {"A": "mean", "B": "mean"}
    assert 1 < score["without_suspects"]["leaderboard"]["rmse"] < 20
    submission = pd.read_csv(data / "07_model_output" / "submission.csv")
    assert submission["Location"].nunique() <= 30 + 8


def test_a_scout_without_numbers_is_told_and_spoils_nothing(done, tmp_path, caplog, nets_that_find):
    nets_that_find(48, 50, failing={"scout 1"})
    given = done.parent / "01_raw" / "facial-keypoints-detection.zip"
    with caplog.at_level("WARNING"):
        data = compete(make_project(tmp_path / "project"), given)
    assert "scout 1 came to no numbers" in caplog.text
    score = read(data / "08_reporting" / "score_estimate.json")
    assert 1 < score["without_suspects"]["leaderboard"]["rmse"] < 40


def test_nets_without_numbers_are_left_out_and_told(done, tmp_path, nets_that_find):
    nets_that_find(np.nan, 50)
    project = make_project(tmp_path / "project")
    given = done.parent / "01_raw" / "facial-keypoints-detection.zip"
    with pytest.raises(InputError, match="every net of the ensemble came to no numbers"):
        compete(project, given)


@pytest.mark.long
def test_a_run_that_is_killed_goes_on_where_it_was(tmp_path):
    project = make_project(tmp_path / "project")
    parameters = (
        "download.source=synthetic,download.synthetic.train_faces=60,download.synthetic.test_faces=12,"
        "competition.minutes=3,competition.size=tiny,competition.members=1"
    )
    command = [sys.executable, "-m", "kedro", "run", "--pipeline=compete", "--env=test"]
    command += ["--params", parameters]
    run = subprocess.Popen(
        command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    for line in run.stdout:
        if "net 1" in line and "  0 s left" not in line:
            unfinished = project / "data" / "test" / "06_models" / "ensemble"
            if len(list(unfinished.glob("*.unfinished.npz"))) == 3:
                run.send_signal(signal.SIGKILL)
                break
    run.wait()
    assert run.returncode == -signal.SIGKILL
    again = kedro(project, *command[3:])
    assert again.returncode == 0, again.stderr
    assert "net 1  goes on" in again.stdout + again.stderr
    assert "scout 1  goes on: 100 % are trained" in again.stdout + again.stderr
    assert not list(unfinished.glob("*.unfinished.npz"))


def test_a_wrong_parameter_is_refused_with_the_right_ones(tmp_path):
    project = make_project(tmp_path / "project")
    ran = kedro(
        project,
        *("run", "--pipeline=compete", "--env=test"),
        *("--params", "competition.minute=5"),
    )
    assert ran.returncode == 1
    assert "competition.minute: unknown parameter (did you mean 'minutes'?)" in ran.stderr
