import pytest
from kedro.runner import ParallelRunner, SequentialRunner, ThreadRunner

from facial_keypoints.errors import InputError
from facial_keypoints.framework.runners import RunnerHooks, check_runner


@pytest.mark.parametrize(
    ("name", "is_async", "problem"),
    [
        ("ThreadRunner", False, "ThreadRunner is not supported: .* leave out --runner"),
        ("kedro.runner.ParallelRunner", False, "ParallelRunner is not supported"),
        (None, True, "--async is not supported"),
        ("NoRunner", False, "--runner=NoRunner: there is no such runner"),
        ("no.such.Runner", False, "--runner=no.such.Runner: there is no such runner"),
    ],
)
def test_check_runner_raises_input_error(name, is_async, problem):
    with pytest.raises(InputError, match=problem):
        check_runner(name, is_async)


@pytest.mark.parametrize("name", [None, "SequentialRunner", "kedro.runner.SequentialRunner"])
def test_check_runner_accepts_sequential_runner(name):
    check_runner(name, is_async=False)


@pytest.mark.parametrize("runner", [ThreadRunner, ParallelRunner])
def test_hook_refuses_unsupported_runner(runner):
    with pytest.raises(InputError, match=f"{runner.__name__} is not supported"):
        RunnerHooks().before_pipeline_run({"runner": str(runner())})


@pytest.mark.parametrize("runner", [None, SequentialRunner()])
def test_hook_accepts_sequential_runner(runner):
    RunnerHooks().before_pipeline_run({"runner": str(runner)})
