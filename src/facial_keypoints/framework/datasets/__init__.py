"""Kedro datasets of this project."""

from facial_keypoints.framework.datasets.archive import ArchiveDataset
from facial_keypoints.framework.datasets.arrays import ArrayDataset, ArraysDataset, FaceSetDataset
from facial_keypoints.framework.datasets.champion import ChampionDataset
from facial_keypoints.framework.datasets.figures import ChartDataset, FigureDataset
from facial_keypoints.framework.datasets.pictures import PictureFolderDataset
from facial_keypoints.framework.datasets.records import (
    ArrayRecordDataset,
    OptionalRecordDataset,
    RecordDataset,
)
from facial_keypoints.framework.datasets.standard import (
    AtomicCSVDataset,
    AtomicTextDataset,
    BytesDataset,
)
from facial_keypoints.framework.datasets.trainings import (
    ChampionTrainingDataset,
    TrainingDataset,
    TrainingFolderDataset,
)
from facial_keypoints.framework.datasets.videos import VideoDataset
from facial_keypoints.framework.datasets.workers import WorkersDataset

__all__ = [
    "ArchiveDataset",
    "ArrayDataset",
    "ArrayRecordDataset",
    "ArraysDataset",
    "AtomicCSVDataset",
    "AtomicTextDataset",
    "BytesDataset",
    "ChampionDataset",
    "ChampionTrainingDataset",
    "ChartDataset",
    "FaceSetDataset",
    "FigureDataset",
    "OptionalRecordDataset",
    "PictureFolderDataset",
    "RecordDataset",
    "TrainingDataset",
    "TrainingFolderDataset",
    "VideoDataset",
    "WorkersDataset",
]
