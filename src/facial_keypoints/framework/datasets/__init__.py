"""Kedro datasets of this project."""

from facial_keypoints.framework.datasets.archive import ArchiveDataset
from facial_keypoints.framework.datasets.files import (
    ArrayDataset,
    ArrayRecordDataset,
    ArraysDataset,
    AtomicCSVDataset,
    AtomicJSONDataset,
    AtomicTextDataset,
    FaceSetDataset,
    FigureDataset,
    RecordDataset,
)
from facial_keypoints.framework.datasets.trainings import (
    CheckpointFile,
    CheckpointsDataset,
    EarlierTrainingsDataset,
    TrainingsDataset,
)

__all__ = [
    "ArchiveDataset",
    "ArrayDataset",
    "ArrayRecordDataset",
    "ArraysDataset",
    "AtomicCSVDataset",
    "AtomicJSONDataset",
    "AtomicTextDataset",
    "CheckpointFile",
    "CheckpointsDataset",
    "EarlierTrainingsDataset",
    "FaceSetDataset",
    "FigureDataset",
    "RecordDataset",
    "TrainingsDataset",
]
