import pickle
import sys
from types import SimpleNamespace

import pytest

from facial_keypoints.errors import InputError
from facial_keypoints.framework import ray_cluster
from facial_keypoints.framework.ray_options import RayOptions


def test_machine_with_another_package_is_refused():
    here = {"Python": "3.11.9", "numpy": "2.4.6"}
    with pytest.raises(InputError, match=r"^worker: .*: numpy 2.3.0 \(2.4.6 here\); install"):
        ray_cluster._compare("worker", here, {**here, "numpy": "2.3.0"})


def test_clock_that_differs_is_refused():
    ray_cluster._check_clock("worker", 103.0, 100.0, 110.0)
    for clock in (80.0, 130.0):
        with pytest.raises(InputError, match=r"^worker: its clock .* by 20 seconds.*\(NTP\)$"):
            ray_cluster._check_clock("worker", clock, 100.0, 110.0)


def test_description_is_that_of_this_process():
    found = ray_cluster._describer()(("numpy", "no-such-package"), None)
    assert found["no-such-package"] == "not installed"
    assert found["facial_keypoints"].startswith("code ")


class Storage:
    """Files that another machine cannot read."""

    def __init__(self, error):
        self.error = error

    def cat_file(self, path):
        raise self.error


@pytest.mark.parametrize(
    ("error", "reason"),
    [(FileNotFoundError("there"), ""), (RuntimeError("no key"), " (RuntimeError: no key)")],
)
def test_machine_that_cannot_read_the_storage_says_why(error, reason):
    found = ray_cluster._describer()((), pickle.dumps((Storage(error), "token")))
    assert (found["token"], found["reason"]) == ("", reason)


def test_address_that_does_not_answer_is_refused_without_ray(monkeypatch):
    def refuse(*arguments):
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(ray_cluster.socket, "create_connection", refuse)
    with pytest.raises(ConnectionRefusedError):
        ray_cluster._reach("10.0.0.1:6379")


def test_missing_ray_is_refused_with_the_command(monkeypatch):
    monkeypatch.setattr("facial_keypoints.errors.find_spec", lambda name: None)
    with (
        pytest.raises(InputError, match=r"ray not installed; run: .*\[cluster\]"),
        ray_cluster.connected(RayOptions()),
    ):
        pass


@pytest.mark.parametrize(
    ("free", "used"),
    [
        ({"CPU": 5.0, "GPU": 2.0}, "3 of 8 cores of this"),
        ({"CPU": 8.0, "GPU": 1.5}, "0.5 of 2 GPUs of this"),
        ({}, "8 of 8 cores and 2 of 2 GPUs of this"),  # Ray leaves out what is used up
        ({"CPU": 8.0, "GPU": 2.0}, None),
    ],
)
def test_other_work_on_the_cluster_is_reported(monkeypatch, caplog, free, used):
    total = {"CPU": 8.0, "GPU": 2.0, "memory": 1e9}
    ray = SimpleNamespace(cluster_resources=lambda: total, available_resources=lambda: free)
    monkeypatch.setitem(sys.modules, "ray", ray)
    ray_cluster.warn_of_other_work()
    assert [f"another program uses {used}" in text for text in caplog.messages] == (
        [True] if used else []
    )
