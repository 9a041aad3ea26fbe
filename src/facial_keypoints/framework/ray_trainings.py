"""A node that trains in a process of a Ray cluster, and its log lines in this one."""

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from logging.handlers import QueueHandler
from typing import Any

from kedro.pipeline.node import Node

from facial_keypoints.errors import InputError
from facial_keypoints.formatting import format_count
from facial_keypoints.framework.ray_cluster import Allotment
from facial_keypoints.training.environment import numeric_variables, use_tensorflow
from facial_keypoints.training.hardware import use_onednn
from facial_keypoints.training.start_messages import hide_start_messages

logger = logging.getLogger(__name__)


class RayTrainings:
    """The trainings of a run that are under way.

    Each runs in a separate process, which ends with it: TensorFlow gives memory of a GPU back
    only then. One whose process dies is started again, and resumes from its checkpoint.

    Args:
        allotment: What each gets.
        retries: How often one is started again.
    """

    def __init__(self, allotment: Allotment, retries: int) -> None:
        import ray
        from ray.util.queue import Queue
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
        self._records = Queue(actor_options={"num_cpus": 0, "scheduling_strategy": here})
        self._run = ray.remote(
            num_cpus=allotment.num_cpus,
            num_gpus=allotment.num_gpus,
            max_calls=1,
            max_retries=0,  # ``finished`` starts it again, and says so
        )(run_node)
        self._allotment = allotment
        self._retries = retries
        self._shared: dict[str, Any] = {}
        self._running: dict[Any, _Attempt] = {}

    @property
    def is_full(self) -> bool:
        """Whether no further training fits in."""
        return len(self._running) >= self._allotment.at_a_time

    def __bool__(self) -> bool:
        """Whether any is under way."""
        return bool(self._running)

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
        values = {name: self._shared.get(name, value) for name, value in inputs.items()}
        self._submit(_Attempt(node, values))

    def _submit(self, attempt: "_Attempt") -> None:
        node, values = attempt.node, attempt.values
        environment = numeric_variables(os.environ)
        reference = self._run.options(name=node.name).remote(
            node,
            list(values),
            self._allotment.num_cpus,
            environment,
            self._records,
            *values.values(),
        )
        self._running[reference] = attempt

    def finished(self, seconds: float) -> dict[Node, dict[str, Any] | Exception]:
        """Return the trainings that have ended, with their outputs or the exception.

        Args:
            seconds: How long to wait for one.
        """
        import ray

        done, _ = ray.wait(list(self._running), timeout=seconds)
        ended: dict[Node, dict[str, Any] | Exception] = {}
        for reference in done:
            attempt = self._running.pop(reference)
            try:
                ended[attempt.node] = ray.get(reference)
            except ray.exceptions.RayTaskError as error:
                ended[attempt.node] = error.cause if isinstance(error.cause, InputError) else error
            except ray.exceptions.RayError as error:
                if attempt.number <= self._retries:
                    logger.warning(
                        "%s: its process died; starting it again (retry %d of %d)",
                        attempt.node.namespace,
                        attempt.number,
                        self._retries,
                    )
                    self._submit(replace(attempt, number=attempt.number + 1))
                else:
                    ended[attempt.node] = _lost(attempt, error)
        self._relay()
        return ended

    def _relay(self) -> None:
        """Hand the trainings' log records to this process' loggers."""
        for record in self._records.get_nowait_batch(self._records.qsize()):
            logging.getLogger(record.name).handle(record)


@dataclass(frozen=True)
class _Attempt:
    """A training under way: its datasets' values, or Ray's references to them."""

    node: Node
    values: dict[str, Any]
    number: int = 1


def _lost(attempt: _Attempt, error: Exception) -> InputError:
    return InputError(
        f"{attempt.node.namespace}: its process died {format_count(attempt.number, 'time')} "
        f"({type(error).__name__}), most likely for a lack of memory; train fewer at a time "
        "(--runner-params=max_workers=...). The same command resumes from the checkpoints"
    )


def run_node(
    node: Node,
    names: Sequence[str],
    num_threads: int,
    environment: Mapping[str, str],
    records: Any,
    *values: Any,
) -> dict[str, Any]:
    """Run a node in a process of the cluster, and return its outputs.

    Args:
        node: What to run.
        names: Of its datasets.
        num_threads: Of TensorFlow.
        environment: Variables of the driver that can change the precision of numbers.
        records: Ray's queue of log records.
        *values: Of its datasets, in the order of ``names``.
    """
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # errors come as exceptions
    for name in numeric_variables(os.environ):
        del os.environ[name]
    os.environ.update(environment)
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(num_threads)
    hide_start_messages()
    use_onednn()
    use_tensorflow()
    ours = logging.getLogger("facial_keypoints")
    ours.setLevel(logging.INFO)
    ours.handlers, ours.propagate = [QueueHandler(records)], False  # the driver propagates
    outputs: dict[str, Any] = node.run(dict(zip(names, values, strict=True)))
    return outputs
