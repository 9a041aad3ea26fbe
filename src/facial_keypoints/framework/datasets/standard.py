"""Kedro's own datasets, saved atomically, and plain bytes."""

from kedro_datasets.pandas import CSVDataset
from kedro_datasets.text import TextDataset

from facial_keypoints.framework.datasets.atomic import AtomicSave, FileDataset


class AtomicCSVDataset(AtomicSave, CSVDataset):
    """Kedro's ``pandas.CSVDataset``, saved atomically."""


class AtomicTextDataset(AtomicSave, TextDataset):
    """Kedro's ``text.TextDataset``, saved atomically."""


class _BytesFile(FileDataset):
    def load(self) -> bytes:
        return bytes(self._fs.cat_file(str(self._filepath)))

    def save(self, data: bytes) -> None:
        self._fs.pipe_file(str(self._filepath), data)


class BytesDataset(AtomicSave, _BytesFile):
    """The content of a file in a format of others, such as ONNX."""
