import os
from functools import partial

import mlflow
import pytest
import requests
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    BAD_REQUEST,
    INVALID_PARAMETER_VALUE,
    TEMPORARILY_UNAVAILABLE,
)

from facial_keypoints.tracking import delivery


class Away:
    """MLflow as Delivery sees it: unreachable for a number of calls."""

    def __init__(self, calls=0, error=None):
        self.calls = calls
        self.error = error or MlflowException("connection refused")
        self.records = []

    def write(self, what):
        if self.calls:
            self.calls -= 1
            raise self.error
        self.records.append(what)


@pytest.fixture
def eager(monkeypatch):
    monkeypatch.setattr(delivery, "_FIRST_PAUSE", 0.0)
    monkeypatch.setattr(delivery, "_LONGEST_PAUSE", 0.0)


@pytest.mark.fault("MLflow", "away for a while", "records are delivered in order when it responds")
@pytest.mark.parametrize(
    "error",
    [
        MlflowException("connection refused"),
        MlflowException("database is locked", error_code=TEMPORARILY_UNAVAILABLE),
        requests.ConnectionError(),
        OSError(28, "No space left on device"),
    ],
)
@pytest.mark.parametrize("calls", [1, 2, 5])
def test_pending_records_are_delivered_in_order(eager, error, calls):
    server = Away(calls, error)
    queue = delivery.Delivery(partial(server.write, "probe"))
    for number in range(8):
        queue.send(str(number), partial(server.write, number))
    assert queue.close() == []
    assert [each for each in server.records if each != "probe"] == list(range(8))


def test_unreachable_mlflow_is_not_called_for_each_record():
    server = Away(10**6)
    queue = delivery.Delivery(partial(server.write, "probe"))
    for number in range(50):
        queue.send(str(number), partial(server.write, number))
    assert 10**6 - server.calls == 2  # the first record, and the probe
    assert queue.close() == [str(number) for number in range(50)]
    assert queue.deliver()  # dropped records are not tried again


def test_rejected_record_does_not_block_the_others(caplog):
    server = Away(1, MlflowException("no such thing", error_code=INVALID_PARAMETER_VALUE))
    queue = delivery.Delivery(lambda: None)
    queue.send("first", partial(server.write, 1))
    queue.send("second", partial(server.write, 2))
    assert server.records == [2]
    assert "MLflow rejects first: " in caplog.text


@pytest.mark.fault("MLflow", "another session writes the same row", "both are recorded")
@pytest.mark.parametrize(
    "error",
    [
        "(sqlite3.IntegrityError) UNIQUE constraint failed: datasets.name",
        "(psycopg2.errors.UniqueViolation) duplicate key value violates unique constraint",
        "(pymysql.err.IntegrityError) (1062, Duplicate entry '1' for key 'PRIMARY')",
    ],
)
def test_call_that_another_session_has_overtaken_is_repeated(error):
    server = Away(1, MlflowException(error, error_code=BAD_REQUEST))
    delivery.repeat_if_overtaken(server.write, 1)
    assert server.records == [1]


@pytest.mark.fault("MLflow", "responds, but cannot store one record", "the others are recorded")
@pytest.mark.parametrize("error", [NotADirectoryError(20, "x"), MlflowException("broken record")])
def test_record_that_always_fails_does_not_block_the_others(eager, caplog, error):
    broken, server = Away(10**6, error), Away()
    queue = delivery.Delivery(lambda: None)
    queue.send("broken", partial(broken.write, 0))
    for number in range(5):
        queue.send(str(number), partial(server.write, number))
    assert queue.close() == []
    assert server.records == list(range(5))
    assert caplog.text.count("MLflow rejects broken") == 1
    assert 10**6 - broken.calls <= delivery._TRIES


def test_configure_client_keeps_delivery_synchronous_and_clears_the_active_model(monkeypatch):
    monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_LOGGING", "true")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "7")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    monkeypatch.setattr(mlflow, "get_active_model_id", lambda: "m-0123")
    cleared = []
    monkeypatch.setattr(mlflow, "clear_active_model", lambda: cleared.append(True))
    delivery.configure_client()
    assert os.environ["MLFLOW_ENABLE_ASYNC_LOGGING"] == "false"
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "7"
    assert cleared
