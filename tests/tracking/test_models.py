import logging
from pathlib import Path

import mlflow
import pytest
from mlflow.models import Model
from mlflow.tracking import MlflowClient

from facial_keypoints.tracking.models import CHAMPION_ALIAS, register_model


@pytest.fixture
def client(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    yield MlflowClient()
    mlflow.set_tracking_uri(before)


def test_registration_is_one_log_line(client, tmp_path, caplog, capsys):
    experiment = client.create_experiment("faces", artifact_location=str(tmp_path / "artifacts"))
    run_id = client.create_run(experiment).info.run_id
    folder = Path(tmp_path, "artifacts", run_id, "artifacts", "model")
    folder.mkdir(parents=True)
    Model(run_id=run_id, artifact_path="model").save(str(folder / "MLmodel"))
    with caplog.at_level(logging.INFO, logger="facial_keypoints"):
        for _ in range(2):
            register_model(f"runs:/{run_id}/model", run_id, "tiny")
    assert [record.getMessage() for record in caplog.records] == [
        "MLflow: registered faces, version 1",
        "MLflow: registered faces, version 2",
    ]
    printed = capsys.readouterr()
    assert "Created version" not in printed.out + printed.err
    version = client.get_model_version_by_alias("faces", CHAMPION_ALIAS)
    assert (str(version.version), version.tags) == ("2", {"variant": "tiny"})
