"""Nodes that train in processes of a Ray cluster."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kedro.pipeline.node import Node

from facial_keypoints.framework.ray_tasks import RayTasks


class RayTrainings:
    """The trainings of a run that are under way.

    Args:
        tasks: What runs them.
    """

    def __init__(self, tasks: RayTasks) -> None:
        self._tasks = tasks
        self._shared: dict[str, Any] = {}

    @property
    def is_full(self) -> bool:
        """Whether no further training fits in."""
        return self._tasks.is_full

    def __bool__(self) -> bool:
        """Whether any is under way."""
        return bool(self._tasks)

    def start(self, node: Node, inputs: Mapping[str, Any], shared: Iterable[str]) -> None:
        """Start a training.

        Args:
            node: What to run.
            inputs: Values of its datasets.
            shared: Names of the datasets that other trainings have in common with it: Ray gets
                their values once.
        """
        import ray

        for name in shared:
            if name in inputs and name not in self._shared:
                self._shared[name] = ray.put(inputs[name])
        values = [self._shared.get(name, value) for name, value in inputs.items()]
        self._tasks.start(
            node, node.namespace or node.name, run_node, (node, list(inputs), *values)
        )

    def finished(self, seconds: float) -> dict[Any, Any]:
        """Return the nodes that have ended: the outputs of each, or its exception.

        Args:
            seconds: How long to wait for one.
        """
        return self._tasks.finished(seconds)


def run_node(node: Node, names: Sequence[str], *values: Any) -> dict[str, Any]:
    """Run a node, and return its outputs.

    Args:
        node: What to run.
        names: Of its datasets.
        *values: Of its datasets, in the order of ``names``.
    """
    outputs: dict[str, Any] = node.run(dict(zip(names, values, strict=True)))
    return outputs
