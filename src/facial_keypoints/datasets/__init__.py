"""Kedro datasets of this project."""

from facial_keypoints.datasets.archive import ArchiveDataset
from facial_keypoints.datasets.files import (
    ArrayDataset,
    ArraysDataset,
    AtomicCSVDataset,
    AtomicJSONDataset,
    AtomicMatplotlibDataset,
    AtomicTextDataset,
    FaceSetDataset,
)
from facial_keypoints.datasets.trainings import (
    BackupsDataset,
    EarlierTrainingsDataset,
    TrainingsDataset,
)

__all__ = [
    "ArchiveDataset",
    "ArrayDataset",
    "ArraysDataset",
    "AtomicCSVDataset",
    "AtomicJSONDataset",
    "AtomicMatplotlibDataset",
    "AtomicTextDataset",
    "BackupsDataset",
    "EarlierTrainingsDataset",
    "FaceSetDataset",
    "TrainingsDataset",
]
