import pytest

from facial_keypoints.errors import InputError
from facial_keypoints.framework import ray_workers
from facial_keypoints.framework.ray_options import RayOptions
from facial_keypoints.framework.ray_workers import RayWorkers


class Tasks:
    """Ray's place; the task that started last ends first."""

    def __init__(self, allotment, retries, records):
        self.at_a_time = allotment.at_a_time
        self.running = []

    @property
    def is_full(self):
        return len(self.running) == self.at_a_time

    def __bool__(self):
        return bool(self.running)

    def start(self, key, name, work, arguments):
        assert not self.is_full
        self.running.append((key, work, arguments))

    def finished(self, seconds):
        key, work, arguments = self.running.pop()
        try:
            return {key: work(*arguments)}
        except InputError as error:
            return {key: error}


@pytest.fixture
def workers(monkeypatch):
    monkeypatch.setattr(ray_workers, "RayTasks", Tasks)
    return RayWorkers(RayOptions(), [{"CPU": 2.0}, {"CPU": 2.0}], None)


def test_results_come_in_the_order_of_the_tasks(workers):
    tasks = [(f"member {n}", (n, 10)) for n in range(5)]
    assert workers.map(pow, tasks, 2) == [0, 1, 2**10, 3**10, 4**10]


def test_error_of_a_task_is_raised(workers):
    def fail(number):
        raise InputError("diverged")

    with pytest.raises(InputError, match="diverged"):
        workers.map(fail, [("member 1", (1,)), ("member 2", (2,))], 2)


def test_division_of_the_cluster_is_logged_once(workers, caplog):
    with caplog.at_level("INFO"):
        for _ in range(2):
            workers.map(abs, [("speed", (1,))] * 2, 2)
    assert caplog.messages == ["RayRunner: 2 trainings at a time on 2 machines, each with 2 cores"]


def test_as_many_cores_are_measured_as_train_later(workers, caplog):
    """Of 27 variants two are left, and each has a machine: one line of the log."""
    with caplog.at_level("INFO"):
        workers.map(abs, [("speed", (1,))] * 2, workers.nodes_at_a_time(2))
        workers.tasks(2)
    assert caplog.messages == ["RayRunner: 2 trainings at a time on 2 machines, each with 2 cores"]


def test_capacity_is_that_of_the_cluster(workers):
    assert workers.capacity(cores=2, memory=2**30) == 2


@pytest.mark.parametrize(("nodes", "at_a_time"), [(0, 1), (1, 1), (3, 3), (27, 4)])
def test_as_many_variants_train_at_a_time_as_there_are_cores(workers, nodes, at_a_time):
    assert workers.nodes_at_a_time(nodes) == at_a_time
