"""How long trainings that run side by side take, and deadlines of those that share a budget."""

import heapq
from collections.abc import Collection, Iterable, Sequence


def assign_deadlines(
    durations: Sequence[float], processes: int, start: float, end: float
) -> list[float]:
    """Return the deadline of each task, such that the last one of each process is ``end``.

    Args:
        durations: How long each is expected to take, in any unit.
        processes: How many run side by side.
        start: When the first ones start.
        end: When all are to be over.
    """
    planned = _schedule(durations, processes)
    last = dict(planned)  # of each process
    return [start + (end - start) * finish / last[process] for process, finish in planned]


def time_needed(durations: Iterable[float], processes: int) -> float:
    """Return how long all tasks take.

    Args:
        durations: Of the tasks, in the order in which they start.
        processes: How many run side by side.

    >>> time_needed([3.0, 1.0, 1.0, 2.0], 2)
    4.0
    """
    return max((finish for _, finish in _schedule(durations, processes)), default=0.0)


def _schedule(durations: Iterable[float], processes: int) -> list[tuple[int, float]]:
    """Return the process and the end of each task; a free process starts the next one at once."""
    free = [(0.0, process) for process in range(processes)]
    planned = []
    for duration in durations:
        now, process = free[0]
        planned.append((process, now + duration))
        heapq.heapreplace(free, (now + duration, process))
    return planned


def in_order(variants: Collection[str]) -> list[str]:
    """Return variants in the order in which Kedro trains them: sorted, with a dot after each.

    Args:
        variants: Their names.
    """
    return sorted(variants, key=lambda name: f"{name}.")
