"""Processes that train at the same time."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import process_tasks
import pytest

from facial_keypoints.errors import InputError
from facial_keypoints.training import workers
from facial_keypoints.training.workers import THIS_MACHINE

pytestmark = pytest.mark.training


def run(work, numbers):
    return THIS_MACHINE.map(work, [(f"task {number}", (number,)) for number in numbers], 2)


def test_single_process_is_this_one():
    assert THIS_MACHINE.map(os.getpid, [("task", ())] * 2, 1) == [os.getpid()] * 2


@pytest.mark.parametrize(("memory", "trainings"), [(2**40, 8), (3.5 * 2**30, 2), (0, 0)])
def test_capacity_is_by_cores_and_memory(monkeypatch, memory, trainings):
    monkeypatch.setattr(workers, "number_of_cores", lambda: 16)
    monkeypatch.setattr(workers, "available_memory", lambda: memory)
    monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda _: [])
    assert THIS_MACHINE.capacity(cores=2, memory=1.5 * 2**30) == trainings


def test_gpu_trains_one_model_at_a_time(monkeypatch):
    monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda _: ["GPU"])
    assert THIS_MACHINE.capacity(cores=2, memory=2**30) == 1


@pytest.fixture(scope="module")
def doubled():
    """The results of three tasks in two processes, and their log records."""
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logger = logging.getLogger("facial_keypoints.test")
    logger.addHandler(handler)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
        results = run(process_tasks.double, [1, 2, 3])
    logger.removeHandler(handler)
    return results, records


def test_results_come_in_the_order_of_the_tasks(doubled):
    results, _ = doubled
    assert [value for value, *_ in results] == [2, 4, 6]
    assert os.getpid() not in {process for _, process, *_ in results}


def test_log_records_of_processes_reach_this_one(doubled):
    _, records = doubled
    messages = sorted(record.getMessage() for record in records)
    assert messages == ["doubling 1", "doubling 2", "doubling 3"]


def test_processes_use_onednn(doubled):
    assert {onednn for *_, onednn in doubled[0]} == {"1"}


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux has affinities")
@pytest.mark.skipif(workers.number_of_cores() < 2, reason="needs two cores")
def test_processes_have_their_own_cores(doubled):
    sets = workers._core_sets(2)
    assert not set(sets[0]) & set(sets[1])
    assert all(sorted(cores) in [sorted(own) for own in sets] for *_, cores, _ in doubled[0])


@pytest.mark.fault("Killed", "a training process, as for a lack of memory", "one line says so")
def test_killed_process_is_an_input_error():
    with pytest.raises(InputError, match=r"was killed, most likely for a lack of memory; a small"):
        run(process_tasks.kill_itself, [1, 2])


@pytest.mark.fault("Killed", "`compete`, while processes train", "they end with it")
def test_processes_end_with_a_killed_run():
    code = "import process_tasks, test_workers as t; t.run(process_tasks.announce_and_wait, [1, 2])"
    folders = [str(Path(__file__).parent), str(Path(process_tasks.__file__).parent), *sys.path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}
    command = [sys.executable, "-c", code]
    parent = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert [parent.stdout.readline() for _ in range(2)] == ["training\n"] * 2
    finally:
        parent.kill()
    parent.communicate(timeout=60)  # the output ends with the last process that has it


def test_first_error_of_a_process_ends_all():
    with pytest.raises(InputError, match="no more than 1"):
        run(process_tasks.fail, [1, 1])


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux has affinities")
def test_quota_of_fewer_cores_leaves_processes_unbound(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2, 3})
    monkeypatch.setattr(workers, "number_of_cores", lambda: 2)
    assert workers._core_sets(2) == [[], []]
    monkeypatch.setattr(workers, "number_of_cores", lambda: 4)
    assert workers._core_sets(2) == [[0, 1], [2, 3]]
    assert workers._core_sets(3) == [[0], [1], [2]]
