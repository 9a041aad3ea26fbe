"""Training members of an ensemble, one after another or side by side in processes."""

import hashlib
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
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from facial_keypoints.errors import InputError, TrainingFailedError
from facial_keypoints.models.heads import NUM_HEADS, Points
from facial_keypoints.models.registry import build_model
from facial_keypoints.training.fingerprints import fingerprint, training_origin
from facial_keypoints.training.hardware import number_of_cores, use_onednn
from facial_keypoints.training.interruption import stop_if_asked
from facial_keypoints.training.keras_session import keras_session
from facial_keypoints.training.progress_bar import erase
from facial_keypoints.training.speed import Speed, measure_speed
from facial_keypoints.training.start_messages import hide_start_messages
from facial_keypoints.training.stores import CheckpointStore, TrainingStore
from facial_keypoints.training.task import TrainingResult, TrainingTask
from facial_keypoints.training.trainer import train_model

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_CHECKS: Final = 0.5
_NEEDS_LESS: Final = (
    "a smaller competition.size or competition.train.batch_size needs less memory, and so do fewer "
    "competition.members where several train at a time"
)


@dataclass(frozen=True)
class MemberTask:
    """A member's training, and what it predicts afterwards.

    Attributes:
        training: The training; its samples have 19 keypoints (see ``heads.to_heads``).
        fingerprint: Of all that decides on the training but the clock (see ``member_fingerprint``).
        images: uint8 (m, 96, 96), to predict.
        num_views: Of each image, over which the prediction is averaged (TTA).
        deadline: Unix time by which the prediction is to end; None for no limit.
    """

    training: TrainingTask
    fingerprint: str
    images: npt.NDArray[np.uint8]
    num_views: int = 1
    deadline: float | None = None


@dataclass(frozen=True)
class MemberResult:
    """What a member's training leaves.

    Attributes:
        training: The training's result.
        predictions: float32 (m, 19, 2) in pixels, NaN where the training failed.
    """

    training: TrainingResult
    predictions: Points


def member_fingerprint(task: TrainingTask, *plan: Any) -> str:
    """Return the fingerprint of a member's checkpoint.

    The mirror bias that is subtracted from the labels comes from predictions, which may differ in
    the last bit from run to run: fingerprint a task before it is subtracted.

    Args:
        task: The training.
        plan: What else decides: a checkpoint of another budget has its learning rate behind it.
    """
    return fingerprint(
        training_origin(
            task.architecture,
            task.settings,
            task.train,
            training_samples=task.samples.digest(),
            initial_weights=_digest(task.initial_weights or []),
            plan=list(plan),
        )
    )


def _digest(weights: Sequence[npt.NDArray[np.float32]]) -> str:
    return hashlib.sha256(b"".join(array.tobytes() for array in weights)).hexdigest()[:16]


def train_members(
    tasks: Sequence[MemberTask],
    training_store: TrainingStore | None,
    num_processes: int = 1,
) -> list[MemberResult]:
    """Train members, each from its checkpoint where there is one.

    Args:
        tasks: In the order in which they start.
        training_store: The checkpoints that they resume from; None keeps none.
        num_processes: How many train side by side, each on its own cores; one trains in this
            process.

    Returns:
        The results, in the order of the tasks.

    Raises:
        InputError: If a process is killed, as for a lack of memory.
    """
    stored = [
        (task, training_store and training_store.checkpoint(task.fingerprint)) for task in tasks
    ]
    return _map(train_member, stored, num_processes)


def measure_speeds(task: TrainingTask, num_processes: int = 1) -> Speed:
    """Return the mean speed of processes that train at the same time.

    Args:
        task: What to train.
        num_processes: How many.

    Raises:
        InputError: If memory is exhausted.
    """
    try:
        speeds = _map(measure_speed, [(task,)] * num_processes, num_processes)
    except TrainingFailedError as error:
        raise InputError(f"{error}; {_NEEDS_LESS}") from error
    return Speed(
        float(np.mean([speed.trained for speed in speeds])),
        float(np.mean([speed.predicted for speed in speeds])),
        max(speed.set_up_seconds for speed in speeds),
    )


def train_member(task: MemberTask, store: CheckpointStore | None = None) -> MemberResult:
    """Train a member and predict.

    Args:
        task: What to do.
        store: Where the checkpoint lies.
    """
    from facial_keypoints.models.inference import make_predictor
    from facial_keypoints.training.prediction import predict_with_tta

    result = train_model(task.training, store)
    if result.failure is not None:
        logger.warning("%s failed: %s", task.training.name, result.failure)
        return MemberResult(result, np.full((len(task.images), NUM_HEADS, 2), np.nan, np.float32))
    with keras_session(task.training.train, result.precision):
        model = build_model(task.training.architecture, task.training.settings)
        model.set_weights(result.predicting_weights)
        predict = make_predictor(model)
        predictions = predict_with_tta(predict, task.images, task.num_views, task.deadline)
    return MemberResult(result, predictions)


def _map(
    work: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], processes: int
) -> list[Any]:
    if processes == 1:
        return [work(*each) for each in arguments]
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
                f"a training process was killed, most likely for a lack of memory; {_NEEDS_LESS}"
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


def _set_up_process(cores: Any, records: Any, modules: set[str]) -> None:
    """Keep to the process' cores, and send its log records to the parent."""
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
