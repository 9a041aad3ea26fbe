"""The competition's tables as CSV: their columns, and their rows one at a time.

Rows are numbered as a person counts them: row 1 is the first under the header.
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
"""What is needed of IdLookupTable.csv, which may have further columns."""

_MAX_LINE: Final = 2**20
"""Characters of one line: a picture of 9,216 pixels takes 37,000 at most."""
_MAX_BLANK: Final = 100_000
"""Blank lines of one table."""


def table_rows(
    stream: IO[bytes], name: str, wanted: Sequence[str], *, others_allowed: bool = False
) -> Iterator[tuple[int, list[str]]]:
    """Row number and the cells of ``wanted``, in that order, of every row that is not blank.

    Args:
        stream: bytes of the CSV file.
        name: the file's name, for messages.
        wanted: the columns that it must have, in any order.
        others_allowed: whether it may have more.

    Raises:
        InputError: if the header is not the one wanted, there is no row, or one is no CSV or of
            another length than the header.
    """
    # A byte-order mark and Windows line ends are fine. A byte that is no UTF-8 becomes a
    # character that no number holds, so that it is reported with its row.
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
    reader = csv.reader(_lines(text), strict=True)
    filled = (cells for cells in reader if cells)
    row = 0
    where = "header"
    try:
        header = [column.strip() for column in next(filled, [])]
        order = _column_order(header, name, wanted, others_allowed)
        where = "row 1"
        for row, cells in enumerate(filled, start=1):
            where = f"row {row + 1}"
            if len(cells) != len(header):
                raise InputError(
                    f"{name}, row {row}: {len(cells)} columns, but the header has {len(header)}"
                )
            yield row, [cells[position].strip() for position in order]
    except csv.Error as error:
        raise InputError(f"{name}, {where}: not readable as CSV ({error})") from error
    if row == 0:
        raise InputError(f"{name}: holds a header but no rows")


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    """Lines, as long as they are such: gigabytes without a line end or of nothing else must cost
    neither memory nor time.
    """
    blank = 0
    while line := text.readline(_MAX_LINE):
        blank += line.isspace()
        if len(line) == _MAX_LINE:
            raise csv.Error(f"a line of more than {_MAX_LINE:,} characters")
        if blank > _MAX_BLANK:
            raise csv.Error(f"more than {_MAX_BLANK:,} blank lines")
        yield line


def _column_order(
    header: list[str], name: str, wanted: Sequence[str], others_allowed: bool
) -> list[int]:
    if not any(header):
        raise InputError(f"{name}: is empty; expected a header with {len(wanted)} columns")
    if any("\0" in column or "\ufffd" in column for column in header):
        raise InputError(f"{name}: is no text in UTF-8; save it as a CSV file in UTF-8")
    problems = []
    if missing := [column for column in wanted if column not in header]:
        problems.append(f"lacks {join_names(missing)}")
    unknown = [column for column in header if column not in wanted]
    if unknown and not others_allowed:
        problems.append(f"has unknown {join_names(unknown)}")
    if twice := sorted({column for column in header if header.count(column) > 1}):
        problems.append(f"has twice {join_names(twice)}")
    if problems:
        raise InputError(
            f"{name}: the header {' and '.join(problems)}; right columns: {', '.join(wanted)}"
        )
    return [header.index(column) for column in wanted]
