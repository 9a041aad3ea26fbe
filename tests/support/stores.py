"""A variant's trainings and checkpoints in memory."""

from dataclasses import dataclass, field
from typing import Any

from facial_keypoints.training.records import Training


@dataclass
class MemoryCheckpoint:
    """A ``CheckpointStore``."""

    arrays: dict[str, Any] | None = None

    def exists(self) -> bool:
        return self.arrays is not None

    def load(self) -> dict[str, Any]:
        return dict(self.arrays)

    def save(self, data: dict[str, Any]) -> None:
        self.arrays = dict(data)


@dataclass
class MemoryStore:
    """A ``TrainingStore``."""

    trainings: dict[str, Training] = field(default_factory=dict)
    checkpoints: dict[str, MemoryCheckpoint] = field(default_factory=dict)

    def earlier(self) -> dict[str, Training]:
        return self.trainings

    def checkpoint(self, fingerprint: str) -> MemoryCheckpoint:
        return self.checkpoints.setdefault(fingerprint, MemoryCheckpoint())
