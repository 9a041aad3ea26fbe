import pytest

from facial_keypoints.errors import InputError
from facial_keypoints.framework import ray_cluster
from facial_keypoints.framework.ray_cluster import Allotment, allot
from facial_keypoints.framework.ray_options import RayOptions

TWO_CORES = {"CPU": 2.0}
EIGHT_CORES = {"CPU": 8.0}
FOUR_GPUS = {"CPU": 32.0, "GPU": 4.0}


@pytest.mark.parametrize(
    ("options", "trainings", "machines", "expected"),
    [
        ({}, 2, [TWO_CORES], Allotment(2, 1, 0)),
        ({}, 27, [TWO_CORES], Allotment(2, 1, 0)),
        ({}, 1, [TWO_CORES], Allotment(1, 2, 0)),
        ({}, 2, [EIGHT_CORES, EIGHT_CORES], Allotment(2, 8, 0)),
        ({}, 1, [EIGHT_CORES, EIGHT_CORES], Allotment(1, 8, 0)),
        ({"max_workers": 2}, 27, [EIGHT_CORES], Allotment(2, 4, 0)),
        ({"num_cpus": 3}, 27, [EIGHT_CORES, TWO_CORES], Allotment(2, 3, 0)),
        ({}, 27, [FOUR_GPUS], Allotment(4, 8, 1)),
        ({"num_gpus": 0.5}, 27, [FOUR_GPUS], Allotment(8, 4, 0.5)),
        ({"num_gpus": 0}, 27, [FOUR_GPUS], Allotment(27, 1, 0)),
    ],
)
def test_allot_divides_the_cluster(options, trainings, machines, expected):
    assert allot(RayOptions(**options), trainings, machines) == expected


@pytest.mark.parametrize("options", [{"num_cpus": 3}, {"num_gpus": 1}])
def test_allot_refuses_what_no_machine_has(options):
    with pytest.raises(InputError, match=r"no machine has num_cpus=.*2 cores, 0 GPUs"):
        allot(RayOptions(**options), 2, [TWO_CORES])


def test_machine_with_another_package_is_refused():
    here = {"Python": "3.11.9", "numpy": "2.4.6"}
    with pytest.raises(InputError, match=r"^worker: .*: numpy 2.3.0 \(2.4.6 here\); install"):
        ray_cluster._compare("worker", here, {**here, "numpy": "2.3.0"})


def test_description_is_that_of_this_process():
    found = ray_cluster._describer()(("numpy", "no-such-package"), None)
    assert found["no-such-package"] == "not installed"
    assert found["facial_keypoints"].startswith("code ")


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
