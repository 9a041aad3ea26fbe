import pytest
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NOTE

from facial_keypoints.tracking.notes import write_child_note, write_note

FIGURES = {"validation_rmse": 2.5, "holdout_rmse": 2.25, "leak": 1.5, "parameters": 2e6}


@pytest.fixture
def session(new_run):
    """Return a run with a child per variant, and the function that ends it and returns its note."""

    def create(variants, **tags):
        parent = new_run("full", kedro_command="kedro run --params a=1", pipelines="full", **tags)
        MlflowClient().log_param(parent, "download.source", "synthetic")
        for name, metrics in variants.items():
            child = new_run(name, **{"variant": name, MLFLOW_PARENT_RUN_ID: parent})
            for metric, value in metrics.items():
                MlflowClient().log_metric(child, metric, value)
        return parent

    return create


def note_of(run_id):
    write_note(run_id)
    return MlflowClient().get_run(run_id).data.tags[MLFLOW_RUN_NOTE]


def test_note_has_command_data_and_state(session):
    run_id = session({})
    for metric, value in {"data/training_rows": 1500, "data/test_images": 400}.items():
        MlflowClient().log_metric(run_id, metric, value)
    note = note_of(run_id)
    assert note.startswith("**Running**, started 2")
    assert "`kedro run --params a=1`" in note
    assert "synthetic competition (`download.source=synthetic`): 1,500 training images" in note
    assert "Next" not in note


def test_note_has_a_table_with_the_best_variant_first(session):
    run_id = session({"worse": {"validation_rmse": 3.0}, "better": FIGURES}, champion="better")
    MlflowClient().log_metric(run_id, "mean_face_rmse", 4.0)
    lines = note_of(run_id).splitlines()
    headings = ("validation (px)", "hold-out (px)", "leak", "parameters", "status")
    first = lines.index(f"| variant | {' | '.join(f'&nbsp; {each}' for each in headings)} |")
    assert lines[first + 2].startswith("| **[better](#/experiments/")
    assert lines[first + 2].endswith(" (champion) | 2.500 | 2.250 | 1.5 | 2.00 M | running |")
    assert lines[first + 3].endswith("| 3.000 |  |  |  | running |")
    assert lines[first + 4] == "| (mean face) |  | 4.000 |  |  | |"


def test_note_of_a_split_without_leak_has_no_columns_of_it(session):
    errors = {"validation_rmse": 2.5, "holdout_rmse": 2.25, "unseen_rmse": 2.25, "leak": 1.0}
    note = note_of(session({"a": errors}))
    assert "hold-out (px)" in note
    assert "unseen" not in note
    assert "leak" not in note


@pytest.mark.parametrize(
    ("status", "state", "following"),
    [
        ("FINISHED", "**Finished** after", "`kedro run --pipeline=full` on Kaggle's data"),
        ("FAILED", "**Failed** after", "the same command again"),
        ("KILLED", "**Interrupted** after", "the same command again"),
    ],
)
def test_note_of_an_ended_run_has_the_next_command(session, status, state, following):
    run_id = session({})
    MlflowClient().set_terminated(run_id, status)
    note = note_of(run_id)
    assert note.startswith(state)
    assert f"Next: {following}" in note


def test_note_of_a_failed_run_has_the_error(session):
    run_id = session({}, error="file.csv: row 3 is empty")
    MlflowClient().set_terminated(run_id, "FAILED")
    assert "Error: file.csv: row 3 is empty" in note_of(run_id)


def test_note_on_real_data_ends_with_the_upload(session):
    run_id = session({}, env="paper")
    MlflowClient().set_terminated(run_id)
    MlflowClient().set_tag(run_id, "pipelines", "compete")
    client = MlflowClient()
    client.log_text(run_id, "RowId", "submission.csv")
    other = session({}, env="paper")
    assert f"[submission.csv](#/experiments/1/runs/{run_id}/artifacts)" in note_of(run_id)
    assert "upload" not in note_of(other)


def child_note_of(run_id):
    write_child_note(run_id)
    return MlflowClient().get_run(run_id).data.tags[MLFLOW_RUN_NOTE]


def test_note_of_a_variant_has_its_model_and_errors(new_run):
    run_id = new_run("tiny", variant="tiny", ended_by="early stopping")
    MlflowClient().log_param(run_id, "architecture", "conv_stack")
    for metric, value in {**FIGURES, "epochs": 30, "minutes": 2}.items():
        MlflowClient().log_metric(run_id, metric, value)
    assert child_note_of(run_id) == (
        "**tiny**: architecture `conv_stack`, 2.00 M parameters, 30 epochs in 2 min (ended by: "
        "early stopping).\n\nRMSE: validation 2.500 px, hold-out 2.250 px."
    )


def test_note_of_the_ensemble_has_its_interval(new_run):
    run_id = new_run("ensemble", variant="ensemble")
    MlflowClient().log_param(run_id, "members", 3)
    for metric, value in {"": 1.04, "_low": 1.0, "_high": 1.09}.items():
        MlflowClient().log_metric(run_id, f"estimated_rmse{metric}", value)
    note = child_note_of(run_id)
    assert "3 members" in note
    assert "RMSE: expected 1.040 px. 95 % interval of the expected RMSE: 1.000 to 1.090 px." in note


def test_note_of_a_failed_variant_has_the_reason(new_run):
    note = child_note_of(new_run("tiny", variant="tiny", failure="the loss became nan"))
    assert note == "**tiny** failed: the loss became nan"
