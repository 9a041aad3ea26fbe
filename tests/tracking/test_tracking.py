from functools import partial

import pytest
import requests
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, TEMPORARILY_UNAVAILABLE

from facial_keypoints.tracking import delivery, records


def test_numbers_are_named_by_their_path():
    figures = {"a": {"b": 1, "c": {"d": 2.5}}, "e": None, "f": "text", "g": True}
    assert dict(records.flat_numbers(figures)) == {"a_b": 1.0, "a_c_d": 2.5}


@pytest.mark.parametrize("score", [{"mlflow_run_id": None}, {}])
def test_a_score_without_a_run_is_no_error(score):
    records.log_output("no run", "kaggle_score", score)


class Away:
    """MLflow as Delivery sees it: away for so many calls."""

    def __init__(self, calls=0, error=None):
        self.calls = calls
        self.error = error or MlflowException("connection refused")
        self.taken = []

    def take(self, what):
        if self.calls:
            self.calls -= 1
            raise self.error
        self.taken.append(what)


@pytest.fixture
def eager(monkeypatch):
    monkeypatch.setattr(delivery, "_FIRST_PAUSE", 0.0)
    monkeypatch.setattr(delivery, "_LONGEST_PAUSE", 0.0)


@pytest.mark.fault("MLflow", "away for a while", "told when it is back, in the order it happened")
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
def test_what_mlflow_missed_is_delivered_in_order(eager, error, calls):
    server = Away(calls, error)
    post = delivery.Delivery(partial(server.take, "probe"))
    for number in range(8):
        post.tell(str(number), partial(server.take, number))
    assert post.give_up() == []
    assert [taken for taken in server.taken if taken != "probe"] == list(range(8))


def test_while_mlflow_is_away_it_is_not_asked_at_each_step():
    server = Away(10**6)
    post = delivery.Delivery(partial(server.take, "probe"))
    for number in range(50):
        post.tell(str(number), partial(server.take, number))
    assert 10**6 - server.calls == 2  # the first record, and whether MLflow answers at all
    assert post.give_up() == [str(number) for number in range(50)]
    assert post.deliver()  # what was given up is not tried again


def test_what_mlflow_refuses_holds_nothing_up(caplog):
    server = Away(1, MlflowException("no such thing", error_code=INVALID_PARAMETER_VALUE))
    post = delivery.Delivery(lambda: None)
    post.tell("first", partial(server.take, 1))
    post.tell("second", partial(server.take, 2))
    assert server.taken == [2]
    assert "MLflow does not take first: " in caplog.text


@pytest.mark.fault("MLflow", "answers, but cannot keep one record", "told; the others are recorded")
@pytest.mark.parametrize("error", [NotADirectoryError(20, "x"), MlflowException("broken record")])
def test_a_record_that_always_fails_holds_nothing_up(eager, caplog, error):
    broken, server = Away(10**6, error), Away()
    post = delivery.Delivery(lambda: None)
    post.tell("broken", partial(broken.take, 0))
    for number in range(5):
        post.tell(str(number), partial(server.take, number))
    assert post.give_up() == []
    assert server.taken == list(range(5))
    assert caplog.text.count("MLflow does not take broken") == 1
    assert 10**6 - broken.calls <= delivery._TRIES
