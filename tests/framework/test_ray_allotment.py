import pytest

from facial_keypoints.errors import InputError
from facial_keypoints.framework.ray_allotment import Allotment, allot, capacity
from facial_keypoints.framework.ray_options import RayOptions

GIB = 2**30
TWO_CORES = {"CPU": 2.0}
EIGHT_CORES = {"CPU": 8.0}
FOUR_GPUS = {"CPU": 32.0, "GPU": 4.0}
ONE_GPU = {"CPU": 4.0, "GPU": 1.0}
NO_GPU = {"CPU": 64.0}


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
        ({}, 27, [NO_GPU, ONE_GPU, ONE_GPU], Allotment(2, 4, 1)),
        ({"num_gpus": 0.75}, 27, [ONE_GPU, ONE_GPU], Allotment(2, 4, 0.75)),
        ({}, 27, [{"CPU": 2.0, "GPU": 4.0}], Allotment(2, 1, 1)),
        ({}, 2, [TWO_CORES, NO_GPU], Allotment(2, 32, 0)),
    ],
)
def test_allot_divides_the_cluster(options, trainings, machines, expected):
    assert allot(RayOptions(**options), trainings, machines) == expected


@pytest.mark.parametrize("options", [{"num_cpus": 3}, {"num_gpus": 1}])
def test_allot_refuses_what_no_machine_has(options):
    with pytest.raises(InputError, match=r"no machine has num_cpus=.*2 cores, 0 GPUs"):
        allot(RayOptions(**options), 2, [TWO_CORES])


@pytest.mark.parametrize(
    ("options", "machines", "expected"),
    [
        ({}, [TWO_CORES], 1),
        ({}, [EIGHT_CORES, EIGHT_CORES], 8),
        ({}, [{"CPU": 1.0}, {"CPU": 1.0}, {"CPU": 3.0}], 3),
        ({"num_cpus": 1}, [TWO_CORES], 2),
        ({"num_cpus": 3}, [EIGHT_CORES, TWO_CORES], 2),
        ({"max_workers": 3}, [EIGHT_CORES], 3),
        ({}, [{**EIGHT_CORES, "memory": 3.5 * GIB}, EIGHT_CORES], 6),
        ({}, [{**EIGHT_CORES, "memory": 0.5 * GIB}], 0),
        ({}, [NO_GPU, ONE_GPU, FOUR_GPUS], 5),
        ({"num_gpus": 0.5}, [ONE_GPU], 2),
        ({"num_gpus": 0}, [ONE_GPU], 2),
    ],
)
def test_capacity_is_a_training_per_two_cores_or_per_gpu(options, machines, expected):
    assert capacity(RayOptions(**options), 2, 1.5 * GIB, machines) == expected
