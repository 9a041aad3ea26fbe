"""Processes that train nets side by side, each on some of the processor cores.

They stay from node to node, since starting TensorFlow and building a graph takes each a quarter of
a minute, and die with the process that started them, which they speak to every few seconds.
"""

import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any, Final, TypeVar

import joblib

from facial_keypoints.errors import InputError
from facial_keypoints.training import interruption
from facial_keypoints.training.hardware import use_onednn

Task = TypeVar("Task")
Result = TypeVar("Result")
Report = Callable[[Any], None]
"""Called every few seconds with how far the task is."""

_SECONDS_BETWEEN_LOOKS: Final = 0.5
_NEEDS_LESS: Final = (
    "a smaller competition.size or competition.recipe.batch_size needs less, and so do fewer "
    "competition.members where several train at a time"
)


@dataclass(frozen=True)
class _Worker:
    process: Any
    connection: Any


_workers: list[_Worker] = []


def number_of_cores() -> int:
    """How many processor cores this process may use at a time, a container's quota included."""
    return int(joblib.cpu_count())


def run_side_by_side(
    work: Callable[[Task, Report], Result],
    queues: Sequence[Sequence[Task]],
    report: Report,
    keep: bool = True,
) -> list[list[Result]]:
    """Do each queue's tasks one after another in a process of its own, the queues side by side.

    Args:
        work: A function of a module. It gets a task, and what to report its progress to.
        queues: The tasks of each process.
        report: Gets here what the tasks report there.
        keep: Whether the processes stay for the next call with as many queues.

    Returns:
        The results, as the tasks stand in ``queues``.

    Raises:
        InputError: if a process is ended from outside, memory does not suffice, or the task says
            so.
        RuntimeError: if there is a bug in a task.
    """
    try:
        _have_workers(len(queues))
        results: list[list[Result]] = [[] for _ in queues]
        busy = {}
        for i, (worker, tasks) in enumerate(zip(_workers, queues, strict=True)):
            _send(worker, work, tasks[0])
            busy[worker.connection] = i
        while busy:
            interruption.stop_if_asked()
            for connection in wait(list(busy), timeout=_SECONDS_BETWEEN_LOOKS):
                i = busy[connection]
                kind, content = _receive(_workers[i])
                if kind == "progress":
                    report(content)
                    continue
                results[i].append(content)
                if len(results[i]) < len(queues[i]):
                    _send(_workers[i], work, queues[i][len(results[i])])
                else:
                    del busy[connection]
    except BaseException:
        dismiss()
        raise
    if not keep:
        dismiss()
    return results


def dismiss() -> None:
    """End the processes."""
    while _workers:
        worker = _workers.pop()
        worker.process.terminate()
        worker.process.join()
        worker.connection.close()


def _have_workers(count: int) -> None:
    if len(_workers) == count and all(worker.process.is_alive() for worker in _workers):
        return
    dismiss()
    context = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
    share = max(1, number_of_cores() // count)
    cores = _own_cores()
    for i in range(count):
        here, there = context.Pipe()
        own = [cores[k % len(cores)] for k in range(i * share, (i + 1) * share) if cores]
        process = context.Process(target=_serve, args=(there, share, own), daemon=True)
        process.start()
        there.close()  # so that the process' end is the end of the connection
        _workers.append(_Worker(process, here))


def _send(worker: _Worker, work: Callable[..., Any], task: Any) -> None:
    try:
        worker.connection.send((work, task))
    except OSError:
        raise _ended() from None


def _receive(worker: _Worker) -> tuple[str, Any]:
    """A task's result or progress, after the word for it."""
    try:
        kind, content = worker.connection.recv()
    except (EOFError, OSError):
        raise _ended() from None
    if kind == "failure":
        raise InputError(content)
    if kind == "bug":
        raise RuntimeError(f"in a process that trains:\n{content}")
    return kind, content


def _ended() -> InputError:
    return InputError(
        "a process that trained a net was ended from outside, most likely because memory did not "
        f"suffice; {_NEEDS_LESS}"
    )


def _own_cores() -> list[int]:
    """Numbers of the cores to keep to; none where that cannot be asked for, or where a quota
    allows for fewer at a time: any of them may be the idle ones then.
    """
    if not hasattr(os, "sched_getaffinity"):
        return []
    cores = sorted(os.sched_getaffinity(0))
    return cores if len(cores) <= number_of_cores() else []


def _serve(connection: Any, share: int, cores: list[int]) -> None:
    """Do what is asked until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started this one decides
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # what matters comes as an exception
    use_onednn()
    _settle(share, cores)
    try:
        while True:
            work, task = connection.recv()
            connection.send(_outcome(work, task, lambda told: connection.send(("progress", told))))
    except (EOFError, OSError):
        return


def _outcome(work: Callable[..., Any], task: Any, report: Report) -> tuple[str, Any]:
    import tensorflow as tf

    try:
        return "result", work(task, report)
    except OSError:
        raise
    except (tf.errors.ResourceExhaustedError, MemoryError):
        return "failure", f"memory did not suffice to train the nets; {_NEEDS_LESS}"
    except InputError as error:
        return "failure", str(error)
    except Exception:
        return "bug", traceback.format_exc()


def operations_at_a_time() -> int:
    """On how many operations this process works at the same time; a GPU is given one."""
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        return 1
    return max(1, int(tf.config.threading.get_inter_op_parallelism_threads()))


def _settle(share: int, cores: list[int]) -> None:
    """Keep to so many cores, to these ones if there are any, and let a GPU's memory grow with the
    need.
    """
    import tensorflow as tf

    if cores:
        os.sched_setaffinity(0, cores)
    at_a_time = min(2, share)
    tf.config.threading.set_intra_op_parallelism_threads(-(-share // at_a_time))
    tf.config.threading.set_inter_op_parallelism_threads(at_a_time)
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
