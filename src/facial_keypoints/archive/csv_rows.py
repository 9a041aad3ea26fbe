"""Read the competition's CSV tables one row at a time.

Rows are counted from 1, the first row under the header.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import IO, Final

from facial_keypoints.errors import InputError
from facial_keypoints.formatting import join_names
from facial_keypoints.keypoints import COORDINATE_COLUMNS

TRAINING_COLUMNS: Final = (*COORDINATE_COLUMNS, "Image")
TEST_COLUMNS: Final = ("ImageId", "Image")
LOOKUP_COLUMNS: Final = ("RowId", "ImageId", "FeatureName")
"""Required columns of IdLookupTable.csv, which may have more."""

COLUMNS: Final = {
    "training.csv": TRAINING_COLUMNS,
    "test.csv": TEST_COLUMNS,
    "IdLookupTable.csv": LOOKUP_COLUMNS,
}
"""Required columns of each table."""

_UNNAMED: Final = "Unnamed: "
"""Start of the names that pandas gives to columns without one."""
_MAX_LINE: Final = 2**20
"""Characters in a line: an image of 9,216 pixels takes 37,000 at most."""
_MAX_BLANK: Final = 100_000
"""Blank lines in a table."""


def table_rows(
    stream: IO[bytes], name: str, columns: Sequence[str], *, extra_allowed: bool = False
) -> Iterator[tuple[int, list[str]]]:
    """Yield the row number and the cells of ``columns``, in that order, of every non-blank row.

    Args:
        stream: Bytes of the CSV file.
        name: The file's name, for messages.
        columns: Required columns, in any order.
        extra_allowed: Whether the file may have more columns.

    Raises:
        InputError: if columns are missing, unknown or repeated, there are no rows, or a row is not
            valid CSV or has another length than the header.
    """
    # An invalid byte becomes a character that no number contains, so it is reported with its row.
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
    reader = csv.reader(_lines(text), strict=True)
    filled = (cells for cells in reader if cells)
    row = 0
    where = "header"
    try:
        header = [column.strip() for column in next(filled, [])]
        order = _column_order(header, name, columns, extra_allowed)
        where = "row 1"
        for row, cells in enumerate(filled, start=1):
            where = f"row {row + 1}"
            if len(cells) != len(header):
                raise InputError(
                    f"{name}, row {row}: {len(cells)} columns, but the header has {len(header)}"
                )
            yield row, [cells[position].strip() for position in order]
    except csv.Error as error:
        raise InputError(f"{name}, {where}: not valid CSV ({error})") from error
    if row == 0:
        raise InputError(f"{name}: has a header but no rows")


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    """Yield lines; refuse gigabytes that have no line end or only blank lines."""
    blank = 0
    while line := text.readline(_MAX_LINE):
        blank += line.isspace()
        if len(line) == _MAX_LINE:
            raise csv.Error(f"a line of more than {_MAX_LINE:,} characters")
        if blank > _MAX_BLANK:
            raise csv.Error(f"more than {_MAX_BLANK:,} blank lines")
        yield line


def _column_order(
    header: list[str], name: str, columns: Sequence[str], extra_allowed: bool
) -> list[int]:
    if not any(header):
        raise InputError(f"{name}: is empty; expected a header with {len(columns)} columns")
    if any("\0" in column or "\ufffd" in column for column in header):
        raise InputError(f"{name}: is not UTF-8 text; save it as a CSV file in UTF-8")
    problems = []
    if missing := [column for column in columns if column not in header]:
        problems.append(f"lacks {join_names(missing)}")
    unknown = [column for column in header if column and column not in columns]
    if unknown and not extra_allowed:
        problems.append(f"has unknown {join_names(unknown)}")
    nameless = [str(i) for i, column in enumerate(header, start=1) if not column]
    if len(nameless) > extra_allowed:
        problems.append(f"has no name for column {join_names(nameless)}")
    if repeated := sorted({column for column in header if column and header.count(column) > 1}):
        problems.append(f"repeats {join_names(repeated)}")
    if problems:
        reason = _explain_header(header, columns)
        if reason is None:
            reason = f"{' and '.join(problems)}; expected: {join_names(columns)}"
        raise InputError(f"{name}: the header {reason}")
    return [header.index(column) for column in columns]


def _explain_header(header: list[str], columns: Sequence[str]) -> str | None:
    """Return a known reason why a header has not the required columns."""
    for separator, spelled in {";": "semicolons", "\t": "tabs"}.items():
        if len(header) == 1 and separator in header[0]:
            return f"is separated by {spelled}; save the table with commas"
    for table, others in COLUMNS.items():
        if others != columns and set(others) <= set(header):
            return f"is that of {table}; give each file its own table"
    index = [i for i, name in enumerate(header, start=1) if not name or name.startswith(_UNNAMED)]
    if index and set(columns) <= set(header):
        return (
            f"has no name for column {join_names([*map(str, index)])}; pandas writes its index so: "
            "save the table with index=False"
        )
    return None
