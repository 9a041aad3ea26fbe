"""Kedro's own datasets, saved atomically."""

from kedro_datasets.pandas import CSVDataset
from kedro_datasets.text import TextDataset

from facial_keypoints.framework.datasets.atomic import AtomicSave


class AtomicCSVDataset(AtomicSave, CSVDataset):
    """Kedro's ``pandas.CSVDataset``, saved atomically."""


class AtomicTextDataset(AtomicSave, TextDataset):
    """Kedro's ``text.TextDataset``, saved atomically."""
