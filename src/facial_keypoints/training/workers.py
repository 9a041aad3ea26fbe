"""Processes that train at the same time."""

import logging
import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from logging.handlers import QueueHandler, QueueListener
from multiprocessing import connection
from threading import Thread
from typing import Any, Final, Protocol

from facial_keypoints.errors import InputError
from facial_keypoints.training.hardware import available_memory, number_of_cores, use_onednn
from facial_keypoints.training.interruption import stop_if_asked
from facial_keypoints.training.progress_bar import erase
from facial_keypoints.training.start_messages import hide_start_messages

NEEDS_LESS: Final = (
    "a smaller competition.size or competition.train.batch_size needs less memory, and so do fewer "
    "competition.members where several train at a time"
)
_SECONDS_BETWEEN_CHECKS: Final = 0.5

Task = tuple[str, tuple[Any, ...]]
"""Name, for messages, and arguments of a piece of work."""


class Workers(Protocol):
    """Where trainings run side by side."""

    def capacity(self, cores: int, memory: float) -> int:
        """Return how many trainings run side by side; 0 if memory is short.

        Args:
            cores: Of each, where there is no GPU.
            memory: Of each, in bytes.
        """
        ...

    def nodes_at_a_time(self, nodes: int) -> int:
        """Return how many of the nodes that train a variant each run side by side."""
        ...

    def map(self, work: Callable[..., Any], tasks: Sequence[Task], processes: int) -> list[Any]:
        """Do the work for each task.

        Args:
            work: A function that can be pickled.
            tasks: Name and arguments of each, in the order in which they start.
            processes: How many run side by side.

        Returns:
            The results, in the order of the tasks.

        Raises:
            InputError: If a process is killed.
            Exception: The first one of a task; the others end.
        """
        ...


@dataclass(frozen=True)
class LocalWorkers:
    """Processes of this machine, each on its own cores; a single one is this process."""

    def capacity(self, cores: int, memory: float) -> int:
        """Return how many trainings run side by side; one on a GPU.

        Args:
            cores: Of each.
            memory: Of each, in bytes.
        """
        import tensorflow as tf

        if tf.config.list_physical_devices("GPU"):
            return 1
        return min(number_of_cores() // cores, int(available_memory() // memory))

    def nodes_at_a_time(self, nodes: int) -> int:
        """Return 1: variants train one after another, in this process."""
        return 1

    def map(self, work: Callable[..., Any], tasks: Sequence[Task], processes: int) -> list[Any]:
        """Do the work for each task, see ``Workers``.

        Args:
            work: A function that can be pickled.
            tasks: Name and arguments of each.
            processes: How many run side by side.
        """
        if processes == 1:
            return [work(*arguments) for _, arguments in tasks]
        return _in_processes(work, [arguments for _, arguments in tasks], processes)


THIS_MACHINE: Final = LocalWorkers()


def _in_processes(
    work: Callable[..., Any], arguments: list[tuple[Any, ...]], processes: int
) -> list[Any]:
    context = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
    with ExitStack() as stack:
        records = context.Queue()
        listener = _Relay(records)
        listener.start()
        stack.callback(erase)
        stack.callback(listener.stop)
        modules = {work.__module__, *(type(one).__module__ for each in arguments for one in each)}
        cores = context.Queue()
        for own in _core_sets(processes):
            cores.put(own)
        pool = stack.enter_context(
            ProcessPoolExecutor(processes, context, _set_up_process, (cores, records, modules))
        )
        try:
            return _gather([pool.submit(work, *each) for each in arguments])
        except BrokenProcessPool:
            raise InputError(
                f"a training process was killed, most likely for a lack of memory; {NEEDS_LESS}"
            ) from None
        except BaseException:
            for child in multiprocessing.active_children():
                child.terminate()
            raise


def _gather(futures: list["Future[Any]"]) -> list[Any]:
    waiting = set(futures)
    while waiting:
        stop_if_asked()
        done, waiting = wait(waiting, _SECONDS_BETWEEN_CHECKS, FIRST_COMPLETED)
        for future in done:
            future.result()  # raises the first error at once
    return [future.result() for future in futures]


class _Relay(QueueListener):
    """Hands log records of other processes to the loggers of this one."""

    def handle(self, record: logging.LogRecord) -> None:
        logging.getLogger(record.name).handle(record)


def _core_sets(processes: int) -> list[list[int]]:
    """Cores of each process; empty where a container's quota allows fewer than there are."""
    if not hasattr(os, "sched_getaffinity"):
        return [[]] * processes
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > number_of_cores():
        return [[]] * processes
    share = max(1, len(cores) // processes)
    return [
        [cores[k % len(cores)] for k in range(i * share, (i + 1) * share)] for i in range(processes)
    ]


def _end_with_the_parent() -> None:
    """End this process when its parent was killed: the run that resumes has its checkpoint."""
    if (parent := multiprocessing.parent_process()) is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _set_up_process(cores: Any, records: Any, modules: set[str]) -> None:
    """Keep to the process' cores, send its log records to the parent, and end with it."""
    Thread(target=_end_with_the_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # errors come as exceptions
    hide_start_messages()
    use_onednn()
    own = cores.get()
    if own:
        os.sched_setaffinity(0, own)
    for module in modules:  # before logging: Kedro configures it when it is imported
        import_module(module)
    ours = logging.getLogger("facial_keypoints")
    ours.setLevel(logging.INFO)
    ours.handlers, ours.propagate = [QueueHandler(records)], False  # the parent propagates
