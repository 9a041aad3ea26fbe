import pytest
from mlflow.tracking import MlflowClient

from facial_keypoints.errors import InputError
from facial_keypoints.tracking.connection import TrackingSettings, connect, read_settings

SETTINGS = TrackingSettings(
    tracking_uri="sqlite:///mlflow.db",
    experiment="test",
    artifact_location="artifacts",
    experiment_tags={"purpose": "testing"},
)


def test_connect_creates_the_experiment_in_the_project(tmp_path):
    experiment_id = connect(SETTINGS, tmp_path)
    experiment = MlflowClient().get_experiment(experiment_id)
    assert (experiment.name, experiment.tags["purpose"]) == ("test", "testing")
    assert experiment.artifact_location == (tmp_path / "artifacts").as_uri()
    assert (tmp_path / "mlflow.db").is_file()


def test_connect_finds_an_existing_experiment(tmp_path):
    assert connect(SETTINGS, tmp_path) == connect(SETTINGS, tmp_path)


def test_connect_restores_a_deleted_experiment(tmp_path):
    experiment_id = connect(SETTINGS, tmp_path)
    MlflowClient().delete_experiment(experiment_id)
    assert connect(SETTINGS, tmp_path) == experiment_id
    assert MlflowClient().get_experiment(experiment_id).lifecycle_stage == "active"


def test_connect_raises_input_error_for_a_damaged_database(tmp_path):
    (tmp_path / "mlflow.db").write_text("rubbish")
    with pytest.raises(InputError, match=r"cannot be used \(file is not a database\)"):
        connect(SETTINGS, tmp_path)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"tracking_uri": "a"}, "experiment: Field required"),
        ({"tracking_uri": "a", "experiment": "b", "server": {}}, "server: Extra inputs"),
    ],
)
def test_read_settings_raises_input_error_and_names_the_keys(content, problem):
    with pytest.raises(InputError, match=f"mlflow.yml: {problem}.*The keys are tracking_uri"):
        read_settings(content)
