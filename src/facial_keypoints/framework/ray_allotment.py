"""How a cluster is divided among trainings."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from facial_keypoints.errors import InputError
from facial_keypoints.formatting import format_count
from facial_keypoints.framework.ray_options import RayOptions


@dataclass(frozen=True)
class Allotment:
    """What each training gets of a cluster.

    Attributes:
        at_a_time: Trainings that run side by side.
        num_cpus: Cores of a training, and threads that TensorFlow uses.
        num_gpus: GPUs of a training, or a fraction of one.
    """

    at_a_time: int
    num_cpus: int
    num_gpus: float


def allot(
    options: RayOptions, trainings: int, machines: Sequence[Mapping[str, float]]
) -> Allotment:
    """Divide a cluster among trainings: one per GPU, or all cores shared equally.

    Args:
        options: What the user asks for; the rest is divided.
        trainings: How many there are.
        machines: Ray's resources of each machine, with "CPU" and "GPU".

    Raises:
        InputError: If no machine has what one training is to get.

    Example:
        >>> allot(RayOptions(), 3, [{"CPU": 8.0}])
        Allotment(at_a_time=3, num_cpus=2, num_gpus=0.0)
    """
    cores = [int(machine.get("CPU", 0)) for machine in machines]
    gpus = [machine.get("GPU", 0.0) for machine in machines]
    num_gpus = _gpus_of_each(options, machines)
    wanted = min(trainings, options.max_workers or trainings)
    if num_gpus:
        wanted = min(wanted, max(1, _places(machines, 1, num_gpus)))
    most = max(cores, default=0)
    sizes = [options.num_cpus] if options.num_cpus else list(range(most, 0, -1)) or [1]
    num_cpus = next((n for n in sizes if _places(machines, n, num_gpus) >= wanted), sizes[-1])
    places = _places(machines, num_cpus, num_gpus)
    if not places:
        raise InputError(
            f"--runner-params: no machine has num_cpus={num_cpus},num_gpus={num_gpus:g} for a "
            f"training (the largest: {format_count(most, 'core')}, "
            f"{format_count(int(max(gpus, default=0)), 'GPU')}); lower them"
        )
    return Allotment(min(wanted, places), num_cpus, num_gpus)


def capacity(
    options: RayOptions, cores: int, memory: float, machines: Sequence[Mapping[str, float]]
) -> int:
    """Return how many trainings a cluster has room for.

    Args:
        options: What the user asks for.
        cores: Of each, where it has no GPU and the user asks for no number.
        memory: Of each, in bytes.
        machines: Ray's resources of each machine, with "CPU", "GPU" and "memory".
    """
    num_gpus = _gpus_of_each(options, machines)
    places = 0
    for machine in machines:
        if options.num_cpus is None:  # a machine of fewer cores trains, too
            num_cpus = 1 if num_gpus else max(1, min(cores, int(machine.get("CPU", 0))))
        else:
            num_cpus = options.num_cpus
        by_memory = machine.get("memory", sys.maxsize) // memory
        places += min(_places([machine], num_cpus, num_gpus), int(by_memory))
    return min(places, options.max_workers or places)


def _gpus_of_each(options: RayOptions, machines: Iterable[Mapping[str, float]]) -> float:
    if options.num_gpus is not None:
        return options.num_gpus
    return 1.0 if any(machine.get("GPU") for machine in machines) else 0.0


def _places(machines: Iterable[Mapping[str, float]], num_cpus: int, num_gpus: float) -> int:
    """How many trainings of this size fit into the machines at a time."""
    return sum(
        min(
            int(machine.get("CPU", 0)) // num_cpus,
            int(machine.get("GPU", 0.0) / num_gpus) if num_gpus else sys.maxsize,
        )
        for machine in machines
    )
