"""Typed records: dataclasses of values as JSON, dataclasses of arrays as ``.npz``."""

import json
from dataclasses import fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from kedro.io import DatasetError
from kedro.utils import load_obj
from kedro_datasets._typing import JSONPreview
from pydantic import TypeAdapter

from facial_keypoints.errors import InputError
from facial_keypoints.framework.datasets.atomic import AtomicSave, FileDataset

_DIGITS: Final = 6
"""After the point in previews."""


class _RecordFile(FileDataset):
    def __init__(self, *, record: str, **options: Any) -> None:
        super().__init__(**options)
        self._adapter: TypeAdapter[Any] = TypeAdapter(load_obj(record))

    def load(self) -> Any:
        return self._adapter.validate_json(self._fs.cat_file(str(self._filepath)))

    def save(self, data: Any) -> None:
        with self._fs.open(str(self._filepath), "wb") as file:
            file.write(self._adapter.dump_json(data, indent=2))

    def preview(self) -> JSONPreview:
        """Return the JSON text, with rounded numbers, for Kedro-Viz."""
        text = self._fs.cat_file(str(self._filepath))
        values = json.loads(text, parse_float=lambda number: round(float(number), _DIGITS))
        return JSONPreview(json.dumps(values))


class RecordDataset(AtomicSave, _RecordFile):
    """A frozen dataclass (or pydantic model) as a JSON file with a checksum, validated on load.

    In the catalog, ``record`` is the dotted path of the class:

    .. code-block:: yaml

        split_summary:
          type: facial_keypoints.framework.datasets.RecordDataset
          record: facial_keypoints.evaluation.splits.SplitSummary
          filepath: ${globals:data_root}/08_reporting/split_summary.json
    """

    is_small = True


class OptionalRecordDataset(RecordDataset):
    """A record that is None where the file is missing or cannot be read, as a cache may be."""

    def load(self) -> Any:
        """Return the record, or None."""
        try:
            return super().load()
        except (InputError, DatasetError):
            return None


class _ArrayRecordFile(FileDataset):
    def __init__(self, *, record: str, **options: Any) -> None:
        super().__init__(**options)
        self._record: Any = load_obj(record)

    def load(self) -> Any:
        with self._fs.open(str(self._filepath), "rb") as file, np.load(file) as arrays:
            return self._record(**{f.name: _unpacked(f.name, arrays) for f in fields(self._record)})

    def save(self, data: Any) -> None:
        arrays: dict[str, npt.NDArray[Any]] = {}
        for field in fields(data):
            arrays |= _packed(field.name, getattr(data, field.name))
        with self._fs.open(str(self._filepath), "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]


def _packed(name: str, value: Any) -> dict[str, npt.NDArray[Any]]:
    if isinstance(value, np.ndarray):
        return {name: value}
    parts = {f"{name}/{i}/{j}": a for i, part in enumerate(value) for j, a in enumerate(part)}
    return {f"{name}/lengths": np.array([len(part) for part in value], np.int64), **parts}


def _unpacked(name: str, arrays: Any) -> Any:
    if name in arrays:
        return arrays[name]
    lengths = arrays[f"{name}/lengths"].tolist()
    return [[arrays[f"{name}/{i}/{j}"] for j in range(n)] for i, n in enumerate(lengths)]


class ArrayRecordDataset(AtomicSave, _ArrayRecordFile):
    """A frozen dataclass of arrays, or of lists of lists of arrays, as one ``.npz`` file.

    In the catalog, ``record`` is the dotted path of the class.
    """
