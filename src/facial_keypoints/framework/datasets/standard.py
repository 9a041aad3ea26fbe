"""Kedro's own datasets, saved atomically, and plain bytes."""

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd
from kedro.utils import load_obj
from kedro_datasets._typing import TablePreview
from kedro_datasets.pandas import CSVDataset
from kedro_datasets.text import TextDataset

from facial_keypoints.errors import InputError, StorageError
from facial_keypoints.framework.datasets.atomic import AtomicSave, FileDataset
from facial_keypoints.framework.read_errors import how_to_write_again
from facial_keypoints.framework.storage import location, options

_DIGITS: Final = 4
"""After the point in previews."""


class _CSVFile(CSVDataset):
    def __init__(
        self,
        *,
        filepath: str,
        reader: str | None = None,
        credentials: Mapping[str, Any] | None = None,
        **others: Any,
    ) -> None:
        super().__init__(filepath=filepath, credentials=options(filepath, credentials), **others)
        self._reader = None if reader is None else load_obj(reader)

    def load(self) -> pd.DataFrame:
        if self._reader is None:
            table: pd.DataFrame = super().load()
            return table
        try:
            with self._fs.open(str(self._filepath), "rb") as stream:
                table = self._reader(stream, location(self._fs, self._filepath))
        except InputError as error:
            raise StorageError(f"{error}. {how_to_write_again(self._filepath)}") from error
        return table.head(self._load_args.get("nrows", len(table)))


class AtomicCSVDataset(AtomicSave, _CSVFile):
    """Kedro's ``pandas.CSVDataset``, saved atomically, with a checksum.

    In the catalog, ``reader`` is the dotted path of a function that reads and checks the file in
    the place of pandas: it gets the stream and the name for messages.
    """

    is_small = True

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rows for Kedro-Viz, without the checksum, which is of all rows."""
        preview = super(AtomicCSVDataset, self._copy(_checked=False)).preview(nrows)
        rows = [[_rounded(value) for value in row] for row in preview["data"]]
        return TablePreview({**preview, "data": rows})


def _rounded(value: Any) -> Any:
    return round(value, _DIGITS) if isinstance(value, float) else value


class _TextFile(TextDataset):
    def __init__(
        self, *, filepath: str, credentials: Mapping[str, Any] | None = None, **others: Any
    ) -> None:
        super().__init__(filepath=filepath, credentials=options(filepath, credentials), **others)


class AtomicTextDataset(AtomicSave, _TextFile):
    """Kedro's ``text.TextDataset``, saved atomically."""


class _BytesFile(FileDataset):
    def load(self) -> bytes:
        return bytes(self._fs.cat_file(str(self._filepath)))

    def save(self, data: bytes) -> None:
        self._fs.pipe_file(str(self._filepath), data)


class BytesDataset(AtomicSave, _BytesFile):
    """The content of a file in a format of others, such as ONNX."""
