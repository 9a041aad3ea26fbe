"""Workers of any number, in this process."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from facial_keypoints.training.workers import Task


@dataclass(frozen=True)
class Places:
    """A ``Workers`` that claims this number of trainings at a time, and runs one after another."""

    count: int

    def capacity(self, cores: int, memory: float) -> int:
        return self.count

    def nodes_at_a_time(self, nodes: int) -> int:
        return min(self.count, nodes)

    def map(self, work: Callable[..., Any], tasks: Sequence[Task], processes: int) -> list[Any]:
        return [work(*arguments) for _, arguments in tasks]
