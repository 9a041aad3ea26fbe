"""Trainings in processes of a Ray cluster."""

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from facial_keypoints.formatting import format_count
from facial_keypoints.framework.ray_allotment import Allotment, allot, capacity
from facial_keypoints.framework.ray_options import RayOptions
from facial_keypoints.framework.ray_tasks import RayTasks
from facial_keypoints.training.interruption import stop_if_asked
from facial_keypoints.training.workers import Task

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_CHECKS: Final = 0.5


class RayWorkers:
    """Processes of a Ray cluster (a ``Workers``).

    Args:
        options: What the user asks for.
        machines: Ray's resources of each machine.
        records: The queue of log records.
    """

    def __init__(
        self,
        options: RayOptions,
        machines: Sequence[Mapping[str, float]],
        records: Any,
    ) -> None:
        self._options = options
        self._machines = machines
        self._records = records
        self._logged: Allotment | None = None

    def capacity(self, cores: int, memory: float) -> int:
        """Return how many trainings run side by side.

        Args:
            cores: Of each, where there is no GPU and ``num_cpus`` is not given.
            memory: Of each, in bytes.
        """
        return capacity(self._options, cores, memory, self._machines)

    def nodes_at_a_time(self, nodes: int) -> int:
        """Return how many of the nodes that train a variant each run side by side."""
        return allot(self._options, nodes, self._machines).at_a_time if nodes else 1

    def map(self, work: Callable[..., Any], tasks: Sequence[Task], processes: int) -> list[Any]:
        """Do the work for each task, see ``Workers``.

        Args:
            work: A function that can be pickled.
            tasks: Name and arguments of each.
            processes: How many run side by side.
        """
        running = self.tasks(processes)
        waiting = deque(enumerate(tasks))
        results: dict[Any, Any] = {}
        while waiting or running:
            stop_if_asked()
            while waiting and not running.is_full:
                number, (name, arguments) = waiting.popleft()
                running.start(number, name, work, arguments)
            for key, outcome in running.finished(SECONDS_BETWEEN_CHECKS).items():
                if isinstance(outcome, Exception):
                    raise outcome
                results[key] = outcome
        return [results[number] for number in range(len(tasks))]

    def tasks(self, trainings: int) -> RayTasks:
        """Divide the cluster among trainings, and return the place that they go to.

        Args:
            trainings: How many there are.
        """
        allotment = allot(self._options, trainings, self._machines)
        if allotment != self._logged:
            logger.info("RayRunner: %s", describe(allotment, len(self._machines)))
            self._logged = allotment
        return RayTasks(allotment, self._options.retries, self._records)


def describe(allotment: Allotment, machines: int) -> str:
    """Return "2 trainings at a time on 1 machine, each with 1 core".

    Args:
        allotment: What each training gets.
        machines: How many there are.
    """
    return (
        f"{format_count(allotment.at_a_time, 'training')} at a time on "
        f"{format_count(machines, 'machine')}, each with "
        f"{format_count(allotment.num_cpus, 'core')}"
        + (f" and {allotment.num_gpus:g} GPU" if allotment.num_gpus else "")
    )
