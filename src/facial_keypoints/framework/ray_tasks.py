"""Functions that run in processes of a Ray cluster, with their log lines in this one."""

import logging
import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from logging.handlers import QueueHandler
from typing import Any

from facial_keypoints.errors import InputError, TrainingFailedError
from facial_keypoints.formatting import format_count
from facial_keypoints.framework.ray_allotment import Allotment
from facial_keypoints.training.environment import numeric_variables, use_tensorflow
from facial_keypoints.training.hardware import use_onednn
from facial_keypoints.training.start_messages import hide_start_messages

logger = logging.getLogger(__name__)


def log_queue() -> Any:
    """Return Ray's queue for log records; it lives on this machine."""
    import ray
    from ray.util.queue import Queue
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    return Queue(actor_options={"num_cpus": 0, "scheduling_strategy": here})


class RayTasks:
    """Trainings that are under way.

    Each runs in a separate process, which ends with it: TensorFlow gives memory of a GPU back
    only then. One whose process dies is started again, and resumes from its checkpoint.

    Args:
        allotment: What each gets.
        retries: How often one is started again.
        records: The queue of their log records.
    """

    def __init__(self, allotment: Allotment, retries: int, records: Any) -> None:
        import ray

        self._run = ray.remote(
            num_cpus=allotment.num_cpus,
            num_gpus=allotment.num_gpus,
            max_calls=1,
            max_retries=0,  # ``finished`` starts it again, and says so
        )(run_in_worker)
        self._allotment = allotment
        self._retries = retries
        self._records = records
        self._running: dict[Any, _Attempt] = {}

    @property
    def is_full(self) -> bool:
        """Whether no further training fits in."""
        return len(self._running) >= self._allotment.at_a_time

    def __bool__(self) -> bool:
        """Whether any is under way."""
        return bool(self._running)

    def start(
        self, key: Hashable, name: str, work: Callable[..., Any], arguments: Sequence[Any]
    ) -> None:
        """Start a training.

        Args:
            key: What ``finished`` names it by.
            name: For messages and the process.
            work: A function that can be pickled.
            arguments: Of the function; Ray's references become their values.
        """
        self._submit(_Attempt(key, name, work, tuple(arguments)))

    def _submit(self, attempt: "_Attempt") -> None:
        reference = self._run.options(name=attempt.name).remote(
            attempt.work,
            self._allotment.num_cpus,
            numeric_variables(os.environ),
            self._records,
            *attempt.arguments,
        )
        self._running[reference] = attempt

    def finished(self, seconds: float) -> dict[Hashable, Any]:
        """Return the trainings that have ended: what each returned, or its exception.

        Args:
            seconds: How long to wait for one.
        """
        import ray

        done, _ = ray.wait(list(self._running), timeout=seconds)
        ended: dict[Hashable, Any] = {}
        for reference in done:
            attempt = self._running.pop(reference)
            try:
                ended[attempt.key] = ray.get(reference)
            except ray.exceptions.RayTaskError as error:
                known = isinstance(error.cause, InputError | TrainingFailedError)
                ended[attempt.key] = error.cause if known else error
            except ray.exceptions.RayError as error:
                if attempt.number <= self._retries:
                    logger.warning(
                        "%s: its process died; starting it again (retry %d of %d)",
                        attempt.name,
                        attempt.number,
                        self._retries,
                    )
                    self._submit(replace(attempt, number=attempt.number + 1))
                else:
                    ended[attempt.key] = _lost(attempt, error)
        self._relay()
        return ended

    def _relay(self) -> None:
        """Hand the trainings' log records to this process' loggers."""
        for record in self._records.get_nowait_batch(self._records.qsize()):
            logging.getLogger(record.name).handle(record)


@dataclass(frozen=True)
class _Attempt:
    """A training under way; its arguments are values, or Ray's references to them."""

    key: Hashable
    name: str
    work: Callable[..., Any]
    arguments: tuple[Any, ...]
    number: int = 1


def _lost(attempt: _Attempt, error: Exception) -> InputError:
    return InputError(
        f"{attempt.name}: its process died {format_count(attempt.number, 'time')} "
        f"({type(error).__name__}), most likely for a lack of memory; train fewer at a time "
        "(--runner-params=max_workers=...). The same command resumes from the checkpoints"
    )


def run_in_worker(
    work: Callable[..., Any],
    num_threads: int,
    environment: Mapping[str, str],
    records: Any,
    *arguments: Any,
) -> Any:
    """Call a function in a process of the cluster, and return its result.

    Args:
        work: The function.
        num_threads: Of TensorFlow.
        environment: Variables of the driver that can change the precision of numbers.
        records: Ray's queue of log records.
        *arguments: Of the function.
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
    return work(*arguments)
