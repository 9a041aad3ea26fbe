"""Where checkpoints lie: the interface that training knows."""

from typing import Any, Protocol

import numpy.typing as npt


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
