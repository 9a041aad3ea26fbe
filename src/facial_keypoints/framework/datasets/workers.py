"""The processes that models train in."""

from typing import Any

from kedro.io import AbstractDataset

from facial_keypoints.training.workers import THIS_MACHINE, Workers


class WorkersDataset(AbstractDataset[Workers, Workers]):
    """Processes of this machine, unless a runner saves others for the time of its run.

    Args:
        metadata: For plugins.
    """

    def __init__(self, *, metadata: dict[str, Any] | None = None) -> None:
        self.metadata = metadata
        self._workers: Workers = THIS_MACHINE

    def load(self) -> Workers:
        """Return the workers."""
        return self._workers

    def save(self, data: Workers) -> None:
        """Use other workers from now on."""
        self._workers = data

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"workers": type(self._workers).__name__}
