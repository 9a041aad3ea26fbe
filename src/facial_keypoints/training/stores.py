"""Where trainings and checkpoints are kept: the interfaces that training knows."""

from typing import Any, Protocol

import numpy.typing as npt

from facial_keypoints.training.records import Training


class CheckpointStore(Protocol):
    """One checkpoint: named arrays under one address."""

    def exists(self) -> bool:
        """Return whether there is a checkpoint."""
        ...

    def load(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays by name.

        Raises:
            StorageError: If they cannot be read.
        """
        ...

    def save(self, data: dict[str, npt.NDArray[Any]]) -> None:
        """Replace the checkpoint, all of it or nothing.

        Raises:
            StorageError: If it cannot be written.
        """
        ...


class TrainingStore(Protocol):
    """The trainings of one variant."""

    def earlier(self) -> dict[str, Training]:
        """Return the finished trainings by fingerprint, that of the last run last."""
        ...

    def checkpoint(self, fingerprint: str) -> CheckpointStore:
        """Return the checkpoint of the training of a fingerprint, whether it exists or not."""
        ...
