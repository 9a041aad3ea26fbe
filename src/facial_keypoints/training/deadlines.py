"""Deadlines of trainings that share a time budget."""

from collections.abc import Sequence
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
