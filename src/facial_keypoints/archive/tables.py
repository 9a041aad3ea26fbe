"""Read and check the competition's tables.

Rows are counted from 1, the first row under the header.
"""

import re
import warnings
from array import array
from collections.abc import Iterator, Sequence
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
from facial_keypoints.image_arrays import gather_images
from facial_keypoints.keypoints import COORDINATE_COLUMNS, IMAGE_SIZE

PIXELS = IMAGE_SIZE * IMAGE_SIZE

LABELS_SCHEMA = pa.DataFrameSchema(
    {
        column: pa.Column(
            float,
            pa.Check.in_range(0, IMAGE_SIZE, error=f"labels must be between 0 and {IMAGE_SIZE}"),
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
                COORDINATE_COLUMNS, error="expected one of training.csv's 30 label columns"
            ),
        ),
    },
    unique=["ImageId", "FeatureName"],
    report_duplicates="exclude_first",
    strict=True,
)
_LONE_SIGN = re.compile("[+-](?![0-9])")
_RULES = {
    "field_uniqueness": "it occurs in an earlier row",
    "multiple_fields_uniqueness": "an earlier row has the same ImageId and FeatureName",
}
"""Messages for pandera rules that carry no text."""


def read_training_table(stream: IO[bytes], name: str) -> tuple[pd.DataFrame, npt.NDArray[np.uint8]]:
    """Return the labels and images of training.csv.

    Args:
        stream: Bytes of the CSV file: the 30 columns of ``COORDINATE_COLUMNS`` and ``Image``,
            in any order.
        name: The file's name, for messages.

    Returns:
        Labels, float64 (n, 30), in pixels, NaN where missing; images, uint8 (n, 96, 96).

    Raises:
        InputError: if a column is missing or unknown, a row is malformed, or a value is out of
            range; the message names the file, the row and the column.
    """
    labels = array("d")

    def read_rows() -> Iterator[npt.NDArray[np.uint8]]:
        for row, cells in table_rows(stream, name, TRAINING_COLUMNS):
            labels.extend(
                _label(text, name, row, column)
                for text, column in zip(cells[:-1], COORDINATE_COLUMNS, strict=True)
            )
            yield _image(cells[-1], name, row)

    images = gather_images(read_rows())
    values = np.frombuffer(labels, float).reshape(len(images), -1)
    table = pd.DataFrame(values, columns=list(COORDINATE_COLUMNS))
    try:
        return _checked(table, LABELS_SCHEMA, name), images
    except InputError as error:
        raise InputError(f"{error}{_explain_range(table.to_numpy())}") from error


def read_test_table(
    stream: IO[bytes], name: str
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """Return the image ids and images of test.csv.

    Args:
        stream: Bytes of the CSV file: the columns ``ImageId`` and ``Image``, in any order.
        name: The file's name, for messages.

    Returns:
        Image ids, int32 (n,); images, uint8 (n, 96, 96).

    Raises:
        InputError: as ``read_training_table``, and if an id is not a positive integer or repeated.
    """
    ids: dict[int, int] = {}

    def read_rows() -> Iterator[npt.NDArray[np.uint8]]:
        for row, (id_text, image_text) in table_rows(stream, name, TEST_COLUMNS):
            image_id = _whole_number(id_text, name, row, "ImageId")
            if image_id in ids:
                raise InputError(
                    f"{name}, row {row}: ImageId {image_id} occurs in row {ids[image_id]}"
                )
            ids[image_id] = row
            yield _image(image_text, name, row)

    images = gather_images(read_rows())
    return np.array(list(ids), dtype=np.int32), images


def read_lookup_table(stream: IO[bytes], name: str, image_ids: Sequence[int]) -> pd.DataFrame:
    """Return the values that the competition requests.

    Args:
        stream: Bytes of IdLookupTable.csv.
        name: The file's name, for messages.
        image_ids: The ids of test.csv.

    Returns:
        RowId (int), ImageId (int) and FeatureName (str), in the file's order.

    Raises:
        InputError: if a column is missing, an id or feature is unknown, or a row is repeated.
    """
    cells = table_rows(stream, name, LOOKUP_COLUMNS, extra_allowed=True)
    # an image has 30 coordinates: among more rows, one is wrong
    max_rows = len(COORDINATE_COLUMNS) * len(image_ids) + 1
    rows = [
        (
            _whole_number(row_id, name, row, "RowId"),
            _whole_number(image_id, name, row, "ImageId"),
            feature,
        )
        for row, (row_id, image_id, feature) in islice(cells, max_rows)
    ]
    table = _checked(pd.DataFrame(rows, columns=list(LOOKUP_COLUMNS)), LOOKUP_SCHEMA, name)
    unknown = ~table["ImageId"].isin(list(image_ids))
    if unknown.any():
        position = int(unknown.to_numpy().argmax())
        raise InputError(
            f"{name}, row {position + 1}: ImageId {table['ImageId'].iloc[position]} is not "
            f"in test.csv (ids {min(image_ids)} to {max(image_ids)}); the two files belong to "
            "different competitions"
        )
    return table


def _label(text: str, name: str, row: int, column: str) -> float:
    if not text or text.lower() == "nan":
        return float("nan")
    try:
        if "_" in text or not text.isascii():  # Python reads 1_0 as 10
            raise ValueError
        return float(text)
    except ValueError:
        raise InputError(f"{name}, row {row}: {column} is {quote(text)}, not a number") from None


def _explain_range(labels: npt.NDArray[np.float64]) -> str:
    """Return what labels between other bounds than 0 and 96 may be."""
    outside = labels[(labels < 0) | (labels > IMAGE_SIZE)]
    low, high = np.nanmin(labels), np.nanmax(labels)
    if len(outside) > 1 and (outside == outside[0]).all():
        return f"; all {len(outside):,} such labels are {outside[0]:g}: leave missing labels blank"
    if low >= -1 and high <= 1:
        return "; all labels lie between -1 and 1: give them in pixels (times 48, plus 48)"
    if len(outside) > len(labels):
        return f"; labels lie between {low:g} and {high:g}: give them in pixels of 96 x 96 images"
    return ""


def _whole_number(text: str, name: str, row: int, column: str) -> int:
    if not re.fullmatch("[0-9]{1,10}", text) or not 0 < int(text) < 2**31:
        raise InputError(
            f"{name}, row {row}: {column} is {quote(text)}; expected a positive integer"
        )
    return int(text)


def _image(text: str, name: str, row: int) -> npt.NDArray[np.uint8]:
    with warnings.catch_warnings():
        # for invalid text, older NumPy versions warn and newer ones raise ValueError
        warnings.simplefilter("error", DeprecationWarning)
        try:
            if ("+" in text or "-" in text) and _LONE_SIGN.search(text):  # NumPy reads it as 0
                raise ValueError
            pixels = np.fromstring(text, dtype=np.int64, sep=" ")
        except (DeprecationWarning, ValueError):
            raise InputError(
                f"{name}, row {row}: Image contains the pixel "
                f"{quote(_first_bad_pixel(text))}; expected integers from 0 to 255"
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
            "expected 0 to 255"
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
    more = f" ({rows - 1:,} more rows have such an error)" if rows > 1 else ""
    raise InputError(
        f"{name}, row {int(case['index']) + 1}: {case['column']} is "
        f"{quote(str(case['failure_case']))}; {_RULES.get(case['check'], case['check'])}{more}"
    )
