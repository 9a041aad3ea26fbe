import pytest
from kedro.runner import ThreadRunner

from facial_keypoints.errors import InputError
from facial_keypoints.framework.runners import check_runner


class OwnRunner(ThreadRunner):
    """A runner of a user's module."""


@pytest.mark.parametrize(
    ("name", "parameters", "is_async", "problem"),
    [
        ("ThreadRunner", {}, False, "ThreadRunner is not supported: leave out --runner"),
        ("kedro.runner.ParallelRunner", {}, False, "ParallelRunner is not supported"),
        ("OwnRunner", {}, False, "OwnRunner is not supported"),
        (None, {}, True, "--async is not supported"),
        (None, {"is_async": True}, False, "--async is not supported"),
        (
            None,
            {"max_workers": 4},
            False,
            "--runner-params: Sequential.*'max_workers'",
        ),
        (
            "facial_keypoints.framework.RayRunner",
            {"adress": "auto"},
            False,
            "RayRunner .*'adress'; valid names: address, max_workers",
        ),
        ("NoRunner", {}, False, "--runner=NoRunner: there is no such runner"),
        ("no.such.Runner", {}, False, "--runner=no.such.Runner: there is no such runner"),
        (".Runner", {}, False, "--runner=.Runner: there is no such runner"),
    ],
)
def test_check_runner_raises_input_error(name, parameters, is_async, problem, monkeypatch):
    monkeypatch.setattr("kedro.runner.OwnRunner", OwnRunner, raising=False)
    with pytest.raises(InputError, match=problem):
        check_runner(name, parameters, is_async)


@pytest.mark.parametrize("name", [None, "SequentialRunner", "kedro.runner.SequentialRunner"])
def test_check_runner_accepts_sequential_runner(name):
    check_runner(name, {"is_async": False}, is_async=False)


def test_check_runner_accepts_ray_runner():
    check_runner("facial_keypoints.framework.RayRunner", {"max_workers": 2}, is_async=False)
