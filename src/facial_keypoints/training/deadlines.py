"""How long trainings that run side by side take, and deadlines of those that share a budget."""

import heapq
from collections.abc import Collection, Iterable, Sequence
from itertools import accumulate


def assign_deadlines(
    weights: Sequence[float], processes: int, start: float, end: float
) -> list[float]:
    """Return the deadline of each task, where processes take the tasks in turn.

    Args:
        weights: Fraction of its process' time that each task is worth.
        processes: No more than there are tasks.
        start: When all start.
        end: When all are to be over.
    """
    deadlines = [0.0] * len(weights)
    for first in range(processes):
        numbers = range(first, len(weights), processes)
        done = list(accumulate(weights[number] for number in numbers))
        for number, so_far in zip(numbers, done, strict=True):
            deadlines[number] = start + (end - start) * so_far / done[-1]
    return deadlines


def time_needed(durations: Iterable[float], processes: int) -> float:
    """Return how long tasks take of which each starts as soon as a process is free.

    Args:
        durations: Of the tasks, in the order in which they start.
        processes: How many run side by side.

    >>> time_needed([3.0, 1.0, 1.0, 2.0], 2)
    4.0
    """
    ends = [0.0] * processes
    for duration in durations:
        heapq.heapreplace(ends, ends[0] + duration)
    return max(ends)


def in_order(variants: Collection[str]) -> list[str]:
    """Return variants in the order in which Kedro trains them: sorted, with a dot after each.

    Args:
        variants: Their names.
    """
    return sorted(variants, key=lambda name: f"{name}.")
