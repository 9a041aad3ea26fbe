"""MLflow stores for tests."""

import mlflow
import pytest
from mlflow.tracking import MlflowClient
from sessions import empty_database


@pytest.fixture
def new_run(tmp_path):
    """Return a function that creates a run of the experiment "faces" in a new store."""
    before = mlflow.get_tracking_uri()
    (tmp_path / "mlflow.db").write_bytes(empty_database())
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    experiment = MlflowClient().create_experiment("faces", str(tmp_path / "artifacts"))

    def create(name=None, **tags):
        return MlflowClient().create_run(experiment, run_name=name, tags=tags).info.run_id

    yield create
    mlflow.set_tracking_uri(before)
