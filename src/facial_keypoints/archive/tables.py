"""Reading and checking the competition's tables, one row at a time.

Rows are numbered as a person counts them: row 1 is the first under the header.
"""

import re
import warnings
from collections.abc import Sequence
from itertools import islice
from typing import IO

import numpy as np
import numpy.typing as npt
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from facial_keypoints.archive.csv_rows import (
    LOOKUP_COLUMNS,
    TEST_COLUMNS,
    TRAINING_COLUMNS,
    table_rows,
)
from facial_keypoints.errors import InputError
from facial_keypoints.formatting import quote
from facial_keypoints.keypoints import COORDINATE_COLUMNS, IMAGE_SIZE

PIXELS = IMAGE_SIZE * IMAGE_SIZE

LABELS_SCHEMA = pa.DataFrameSchema(
    {
        column: pa.Column(
            float,
            pa.Check.in_range(0, IMAGE_SIZE, error=f"labels lie between 0 and {IMAGE_SIZE}"),
            nullable=True,
        )
        for column in COORDINATE_COLUMNS
    },
    strict=True,
)
LOOKUP_SCHEMA = pa.DataFrameSchema(
    {
        "RowId": pa.Column(int, unique=True, report_duplicates="exclude_first"),
        "ImageId": pa.Column(int),
        "FeatureName": pa.Column(
            str,
            pa.Check.isin(
                COORDINATE_COLUMNS, error="right are the 30 label columns of training.csv"
            ),
        ),
    },
    unique=["ImageId", "FeatureName"],
    report_duplicates="exclude_first",
    strict=True,
)
_LONE_SIGN = re.compile("[+-](?![0-9])")
_RULES = {
    "field_uniqueness": "it stands in an earlier row already",
    "multiple_fields_uniqueness": "an earlier row asks for the same ImageId and FeatureName",
}
"""Names that pandera gives to rules without a text of their own, in words."""


def read_training_table(stream: IO[bytes], name: str) -> tuple[pd.DataFrame, npt.NDArray[np.uint8]]:
    """Labels and pictures of training.csv.

    Args:
        stream: bytes of the CSV file: the 30 columns of ``COORDINATE_COLUMNS`` and ``Image``,
            in any order.
        name: the file's name, for messages.

    Returns:
        Labels, float64 (n, 30) in pixels with NaN where missing; pictures, uint8 (n, 96, 96).

    Raises:
        InputError: if a column is missing or unknown, a row is malformed, or a value is out of
            range; the message names the file, the row and the column.
    """
    labels: list[list[float]] = []
    images: list[npt.NDArray[np.uint8]] = []
    for row, cells in table_rows(stream, name, TRAINING_COLUMNS):
        labels.append(
            [
                _label(text, name, row, column)
                for text, column in zip(cells[:-1], COORDINATE_COLUMNS, strict=True)
            ]
        )
        images.append(_picture(cells[-1], name, row))
    table = pd.DataFrame(labels, columns=list(COORDINATE_COLUMNS), dtype=float)
    return _checked(table, LABELS_SCHEMA, name), np.stack(images)


def read_test_table(
    stream: IO[bytes], name: str
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """Image ids, int32 (n,), and pictures, uint8 (n, 96, 96), of test.csv.

    Raises:
        InputError: as ``read_training_table``, and if an id is no whole number or stands twice.
    """
    ids: dict[int, int] = {}
    images: list[npt.NDArray[np.uint8]] = []
    for row, (id_text, image_text) in table_rows(stream, name, TEST_COLUMNS):
        image_id = _whole_number(id_text, name, row, "ImageId")
        if image_id in ids:
            raise InputError(
                f"{name}, row {row}: ImageId {image_id} stands in row {ids[image_id]} already"
            )
        ids[image_id] = row
        images.append(_picture(image_text, name, row))
    return np.array(list(ids), dtype=np.int32), np.stack(images)


def read_lookup_table(stream: IO[bytes], name: str, image_ids: Sequence[int]) -> pd.DataFrame:
    """What the competition asks: RowId, ImageId and FeatureName, in the file's order.

    Raises:
        InputError: if a column is missing, an id or feature is unknown, or a row stands twice.
    """
    cells = table_rows(stream, name, LOOKUP_COLUMNS, others_allowed=True)
    # each picture has 30 coordinates: among more rows than that, one is wrong
    most = len(COORDINATE_COLUMNS) * len(image_ids) + 1
    rows = [
        (
            _whole_number(row_id, name, row, "RowId"),
            _whole_number(image_id, name, row, "ImageId"),
            feature,
        )
        for row, (row_id, image_id, feature) in islice(cells, most)
    ]
    table = _checked(pd.DataFrame(rows, columns=list(LOOKUP_COLUMNS)), LOOKUP_SCHEMA, name)
    unknown = ~table["ImageId"].isin(list(image_ids))
    if unknown.any():
        position = int(unknown.to_numpy().argmax())
        raise InputError(
            f"{name}, row {position + 1}: asks for ImageId {table['ImageId'].iloc[position]}, "
            f"which test.csv does not hold (it holds {min(image_ids)} to {max(image_ids)}); "
            "the two files are not of one competition"
        )
    return table


def _label(text: str, name: str, row: int, column: str) -> float:
    if not text or text.lower() == "nan":
        return float("nan")
    try:
        if "_" in text or not text.isascii():  # Python reads 1_0 as 10; no table means that
            raise ValueError
        return float(text)
    except ValueError:
        raise InputError(f"{name}, row {row}: {column} is {quote(text)}, not a number") from None


def _whole_number(text: str, name: str, row: int, column: str) -> int:
    if not re.fullmatch("[0-9]{1,10}", text) or not 0 < int(text) < 2**31:
        raise InputError(
            f"{name}, row {row}: {column} is {quote(text)}; right are whole numbers from 1"
        )
    return int(text)


def _picture(text: str, name: str, row: int) -> npt.NDArray[np.uint8]:
    with warnings.catch_warnings():
        # older NumPy warns where newer ones raise ValueError: text that is no number
        warnings.simplefilter("error", DeprecationWarning)
        try:
            if ("+" in text or "-" in text) and _LONE_SIGN.search(text):  # NumPy takes it for 0
                raise ValueError
            pixels = np.fromstring(text, dtype=np.int64, sep=" ")
        except (DeprecationWarning, ValueError):
            raise InputError(
                f"{name}, row {row}: Image holds {quote(_first_bad_pixel(text))} "
                "among its pixels; right are whole numbers from 0 to 255"
            ) from None
    if pixels.size != PIXELS:
        raise InputError(
            f"{name}, row {row}: Image has {pixels.size:,} pixels, not {PIXELS:,} "
            f"({IMAGE_SIZE} x {IMAGE_SIZE})"
        )
    if pixels.min() < 0 or pixels.max() > 255:
        position = int(np.argmax((pixels < 0) | (pixels > 255)))
        raise InputError(
            f"{name}, row {row}: pixel {position + 1} of Image is {pixels[position]}; "
            "right are 0 to 255"
        )
    return pixels.astype(np.uint8).reshape(IMAGE_SIZE, IMAGE_SIZE)


def _first_bad_pixel(text: str) -> str:
    for token in text.split():
        if not re.fullmatch("[+-]?[0-9]+", token):
            return token
    return text


def _checked(table: pd.DataFrame, schema: pa.DataFrameSchema, name: str) -> pd.DataFrame:
    try:
        return schema.validate(table, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases
    case = cases.sort_values("index", kind="stable").iloc[0]
    rows = cases["index"].nunique()
    more = f" ({rows - 1:,} more rows have such a fault)" if rows > 1 else ""
    raise InputError(
        f"{name}, row {int(case['index']) + 1}: {case['column']} is "
        f"{quote(str(case['failure_case']))}; {_RULES.get(case['check'], case['check'])}{more}"
    )
