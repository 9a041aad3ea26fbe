"""Trainings side by side: what they tell is logged and recorded, and their states are kept, so that
an interrupted one goes on.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from facial_keypoints.errors import StorageError
from facial_keypoints.formatting import format_duration
from facial_keypoints.training.member import (
    Progress,
    State,
    TrainedNet,
    TrainingTask,
    train_net,
)
from facial_keypoints.training.stores import CheckpointStore
from facial_keypoints.training.workers import run_side_by_side

logger = logging.getLogger(__name__)

Backups = Callable[[str], CheckpointStore]
"""Gives the file of a fingerprint's unfinished training."""

_PERCENT_BETWEEN_LINES: Final = 10


class _Teller:
    """Tells the log and MLflow how the nets get on, not too often, and keeps their states.

    Args:
        files: Where the state of each lies, by its name.
        variant: Whose curves these are.
    """

    def __init__(self, files: dict[str, CheckpointStore], variant: str) -> None:
        self._variant = variant
        self._files = files
        self._percent: dict[str, int] = {}

    def __call__(self, progress: Progress) -> None:
        if progress.trouble:
            logger.warning("%s  %s", progress.name, progress.trouble)
            return
        if progress.state is not None:
            self._keep(progress.name, progress.state)
        percent = int(100 * progress.share)
        before = self._percent.get(progress.name, -1)
        if percent == before:
            return
        self._percent[progress.name] = percent
        is_due = percent // _PERCENT_BETWEEN_LINES > before // _PERCENT_BETWEEN_LINES
        metrics = {f"{progress.name.replace(' ', '_')}_loss": progress.loss}
        logger.log(
            logging.INFO if is_due else logging.DEBUG,
            "%s  epoch %.1f  loss %.3f  %s left",
            progress.name,
            progress.epochs,
            progress.loss,
            format_duration(progress.left),
            extra={"metrics": metrics, "step": percent, "variant": self._variant},
        )

    def _keep(self, name: str, state: State) -> None:
        try:
            self._files[name].save(state)
        except StorageError as error:
            logger.warning(
                "%s  trains on, but could not keep its state (%s)",
                name,
                error,
            )


def _taken_up(task: TrainingTask, file: CheckpointStore) -> TrainingTask:
    """The task with the state that an interrupted run has left of it, if any."""
    if not file.exists():
        return task
    try:
        state = file.load()
    except StorageError as error:
        logger.warning("%s  begins anew: %s", task.name, error)
        return task
    logger.info("%s  goes on: %.0f %% are trained", task.name, 100 * float(state["share"]))
    return replace(task, state=state)


def trained(
    queues: list[list[tuple[int, TrainingTask]]],
    backups: Backups,
    variant: str,
    keep: bool = True,
) -> dict[int, TrainedNet]:
    """What becomes of numbered tasks, by their numbers; those that were interrupted go on.

    Raises:
        InputError: see ``run_side_by_side``.
    """
    files = {task.name: backups(task.fingerprint()) for queue in queues for _, task in queue}
    taken_up = [[_taken_up(task, files[task.name]) for _, task in queue] for queue in queues]
    results = run_side_by_side(train_net, taken_up, _Teller(files, variant), keep)
    nets = {
        number: net
        for queue, done in zip(queues, results, strict=True)
        for (number, _), net in zip(queue, done, strict=True)
    }
    return dict(sorted(nets.items()))
