"""Thousands of corrupted tables, each also read with Python's csv, float and int.

What the project accepts must equal Python's reading, and the row named in a rejection must be
invalid in Python's reading.
"""

import csv
import io
import re
from functools import lru_cache

import numpy as np
import pytest
from fuzzing import count_outcomes
from hypothesis import strategies as st

from facial_keypoints.archive.competition import CompetitionArchive
from facial_keypoints.archive.faces import read_test_faces, read_training_faces
from facial_keypoints.archive.tables import (
    read_lookup_table,
    read_test_table,
    read_training_table,
)
from facial_keypoints.errors import InputError
from facial_keypoints.keypoints import COORDINATE_COLUMNS, POPULATION_B_POINTS

PIXELS = 96 * 96
IMAGE = " ".join(str(i % 10) for i in range(PIXELS))
OTHER = " ".join(str(250 + i % 6) if i % 97 == 0 else "1" for i in range(PIXELS))
IDS = [1, 2, 30]
POINTS = [column.removesuffix("_x") for column in COORDINATE_COLUMNS[::2]]

TABLES = {
    "training.csv": [
        [*COORDINATE_COLUMNS, "Image"],
        [*(f"{20 + i}.25" for i in range(30)), IMAGE],
        [*(f"{90.5 - i}" if i < 8 else "" for i in range(30)), OTHER],
    ],
    "test.csv": [["ImageId", "Image"], ["1", IMAGE], ["2", OTHER], ["30", IMAGE]],
    "IdLookupTable.csv": [
        ["RowId", "ImageId", "FeatureName", "Location"],
        ["1", "1", "nose_tip_x", ""],
        ["2", "1", "nose_tip_y", ""],
        ["3", "2", "left_eye_center_x", ""],
        ["4", "30", "nose_tip_x", ""],
    ],
}


# Python's reading


class UnreadableError(Exception):
    """The table has no readable header, or no rows."""


def cells_of(data, columns, extra_allowed=False):
    """Every row's columns cells; None for a row of another length."""
    text = io.StringIO(data.decode("utf-8-sig", errors="replace"), newline="")
    reader = csv.reader(text, strict=True)
    table = []
    try:
        table.extend([cell.strip() for cell in cells] for cells in reader if cells)
    except csv.Error:
        table.append([])  # an empty row; the rows after it are unknown
    header = table.pop(0) if table else []
    if (
        len(set(header)) < len(header)
        or not set(columns) <= set(header)
        or (len(header) > len(columns) and not extra_allowed)
        or any("\0" in name or "\ufffd" in name for name in header)
        or not table
    ):
        raise UnreadableError
    order = [header.index(name) for name in columns]
    return [[row[i] for i in order] if len(row) == len(header) else None for row in table]


def label(text):
    if text.lower() in ("", "nan"):
        return None
    if not text.isascii() or "_" in text:
        raise ValueError
    value = float(text)
    if not 0 <= value <= 96:
        raise ValueError
    return value


@lru_cache(16)
def pixels(text):
    tokens = re.split("[ \t\n\v\f\r]+", text)
    if not all(re.fullmatch("[+-]?[0-9]{1,4000}", token) for token in tokens):
        raise ValueError
    values = [int(token) for token in tokens]
    if len(values) != PIXELS or not all(0 <= value <= 255 for value in values):
        raise ValueError
    return values


def whole(text):
    if not re.fullmatch("[0-9]{1,10}", text) or not 1 <= int(text) < 2**31:
        raise ValueError
    return int(text)


def every_row(rows, read):
    """Apply ``read`` to each row; also return the numbers of the rows that it cannot read."""
    found, invalid = [], set()
    for number, cells in enumerate(rows, start=1):
        try:
            if cells is None:
                raise ValueError
            found.append(read(cells))
        except ValueError:
            invalid.add(number)
    return found, invalid


def plain_training(data):
    return every_row(
        cells_of(data, TABLES["training.csv"][0]),
        lambda cells: ([label(text) for text in cells[:30]], pixels(cells[30])),
    )


def plain_test(data):
    ids = set()

    def read(cells):
        image_id = whole(cells[0])
        if image_id in ids:
            raise ValueError
        ids.add(image_id)
        return image_id, pixels(cells[1])

    return every_row(cells_of(data, TABLES["test.csv"][0]), read)


def plain_lookup(data, image_ids):
    row_ids, requested = set(), set()

    def read(cells):
        row_id, image_id, feature = whole(cells[0]), whole(cells[1]), cells[2]
        twice = row_id in row_ids or (image_id, feature) in requested
        row_ids.add(row_id)
        requested.add((image_id, feature))
        if twice or image_id not in image_ids or feature not in COORDINATE_COLUMNS:
            raise ValueError
        return row_id, image_id, feature

    columns = ["RowId", "ImageId", "FeatureName"]
    return every_row(cells_of(data, columns, extra_allowed=True), read)


def python_reading(name, data):
    if name == "IdLookupTable.csv":
        return plain_lookup(data, IDS)
    return {"training.csv": plain_training, "test.csv": plain_test}[name](data)


def project_reading(name, data):
    """Read a table with the project's code, in the same form."""
    stream = io.BytesIO(data)
    if name == "IdLookupTable.csv":
        return list(read_lookup_table(stream, name, IDS).itertuples(index=False, name=None))
    if name == "test.csv":
        ids, images = read_test_table(stream, name)
        return list(zip(ids.tolist(), images.reshape(len(ids), -1).tolist(), strict=True))
    labels, images = read_training_table(stream, name)
    assert list(labels.columns) == list(COORDINATE_COLUMNS)
    images = images.reshape(len(labels), -1).tolist()
    known = labels.astype(object).where(labels.notna(), None).to_numpy().tolist()
    return list(zip(known, images, strict=True))


# Corruption

NUMBERS = [
    *("", " ", "nan", "NaN", "inf", "-inf", "Infinity", "1e309", "1e-400", "-0", "-0.0", "+7"),
    *("0x10", "0b1", "1_0", "12,5", "12.5", "5.", ".5", "1e1", "1E+1", "1d1", "--1", "+-1", "1-"),
    *(
        "-1",
        "96",
        "96.0001",
        "255",
        "256",
        "007",
        "2147483647",
        "2147483648",
        "9" * 400,
        "1" * 5000,
    ),
    *(
        "\uff11\uff12",
        "\u0661",
        "\u22125",
        "\xa05",
        "5\xa0",
        "5\x0b",
        "\x1c5",
        "5\0",
        "\0",
        "\ufeff5",
    ),
    *("+", "-", ".", "e", "x", "1 2", "1;2", "True", "None", "NA", "null", "=1+1", "1%", "1'000"),
    *('"', '5"', '"5', "5\n6", "5\r6", "5,6", "nose_tip_x", "nose_tip_y", "Nose_tip_x", "ImageId"),
]
JUNK = [b"\0", b"\xff", b"\xc3", b"\xef\xbb\xbf", b"\xc2\xa0", b'"', b",", b";", b"\n", b"\r", b"-"]
GOOD = [
    "5",
    "0",
    "96",
    "12.5",
    "1",
    "2",
    "30",
    "",
    "nan",
    "nose_tip_x",
    "mouth_left_corner_y",
    " 7 ",
]
number = st.sampled_from(GOOD) | st.sampled_from(NUMBERS) | st.text(max_size=4)
place = st.integers(0, 2**16)


def at(items, where):
    return where % len(items)


def set_cell(table, row, column, text):
    cells = table[at(table, row)]
    cells[at(cells, column)] = text


def drop_cell(table, row, column, _):
    cells = table[at(table, row)]
    if len(cells) > 1:
        del cells[at(cells, column)]


def add_cell(table, row, column, text):
    cells = table[at(table, row)]
    cells.insert(at(cells, column), text)


def swap_cells(table, row, column, _):
    cells = table[at(table, row)]
    other = at(cells, column + 1)
    cells[at(cells, column)], cells[other] = cells[other], cells[at(cells, column)]


def reorder_columns(table, _, column, __):
    for cells in filter(None, table):
        cells.insert(0, cells.pop(at(cells, column)))


def add_column(table, _, column, text):
    for cells in table:
        cells.insert(column % (len(cells) + 1), text)


def drop_row(table, row, *_):
    if len(table) > 1:
        del table[at(table, row)]


def repeat_row(table, row, column, _):
    table.insert(column % (len(table) + 1), list(table[at(table, row)]))


def blank_row(table, row, *_):
    table.insert(at(table, row), [])


def set_pixel(table, row, column, text):
    corrupt_image(table, row, column, lambda tokens, k: [*tokens[:k], text, *tokens[k + 1 :]])


def drop_pixel(table, row, column, _):
    corrupt_image(table, row, column, lambda tokens, k: tokens[:k] + tokens[k + 1 :])


def repeat_pixel(table, row, column, _):
    corrupt_image(table, row, column, lambda tokens, k: [*tokens[:k], tokens[k], *tokens[k:]])


def join_pixels(table, row, column, text):
    def join(tokens, k):
        return [*tokens[:k], text.join(tokens[k : k + 2]), *tokens[k + 2 :]]

    corrupt_image(table, row, column, join)


def corrupt_image(table, row, column, corrupt):
    cells = table[at(table, row)]
    if cells:
        tokens = cells[-1].split(" ")
        cells[-1] = " ".join(corrupt(tokens, at(tokens, column)))


CELLS = [
    *(set_cell, set_cell, drop_cell, add_cell, swap_cells, reorder_columns, add_column),
    *(drop_row, repeat_row, blank_row, set_pixel, set_pixel, drop_pixel, repeat_pixel, join_pixels),
]


def write(table, way):
    """Return the bytes of a table in one variant of CSV."""
    text = io.StringIO()
    writer = csv.writer(
        text,
        delimiter={"semicolons": ";", "tabs": "\t"}.get(way, ","),
        lineterminator={"CR": "\r", "CRLF": "\r\n"}.get(way, "\n"),
        quoting=csv.QUOTE_ALL if way == "quoted" else csv.QUOTE_MINIMAL,
    )
    if way == "decimal commas":
        table = [[cell.replace(".", ",") for cell in cells] for cells in table]
    writer.writerows(table)
    content = text.getvalue()
    if way == "mixed line ends":
        content = content.replace("\n", "\r\n", 1)
    coded = {"UTF-8 with BOM": "utf-8-sig", "UTF-16": "utf-16", "UTF-32": "utf-32"}.get(way)
    if way in ("latin-1", "cp1252"):
        coded = way
    return content.encode(coded or "utf-8", errors="replace")


WAYS = [
    *("plain",) * 8,
    *("semicolons", "tabs", "decimal commas", "quoted", "CR", "CRLF", "mixed line ends"),
    *("UTF-8 with BOM", "UTF-16", "UTF-32", "latin-1", "cp1252"),
]


def corrupt_bytes(data, kind, where, other, junk):
    start, end = sorted((where % (len(data) + 1), other % (len(data) + 1)))
    end = min(end, start + 300)
    return {
        "flip": lambda: data[:start] + bytes([other % 256]) + data[start + 1 :],
        "insert": lambda: data[:start] + junk + data[start:],
        "delete": lambda: data[:start] + data[end:],
        "cut": lambda: data[:start],
        "behead": lambda: data[start:],
        "repeat": lambda: data[:end] + data[start:],
        "swap": lambda: data[:start] + data[end : end + 40] + data[start:end] + data[end + 40 :],
    }[kind]()


cell_corruption = st.lists(st.tuples(st.sampled_from(CELLS), place, place, number), max_size=2)
byte_corruption = st.lists(
    st.tuples(
        st.sampled_from(["flip", "insert", "delete", "cut", "behead", "repeat", "swap"]),
        # as often in the header and labels as in the pixels
        st.integers(0, 900) | place,
        st.integers(0, 900) | place,
        st.sampled_from(JUNK) | st.binary(min_size=1, max_size=3),
    ),
    max_size=2,
)
nothing = st.just([])
corruption_strategy = st.tuples(
    cell_corruption | nothing,
    st.sampled_from(WAYS),
    nothing | byte_corruption.map(lambda corruption: corruption[:1]),
) | st.tuples(cell_corruption, st.sampled_from(WAYS), byte_corruption)


def corrupted(name, corruption):
    of_cells, way, of_bytes = corruption
    table = [list(cells) for cells in TABLES[name]]
    for corrupt, row, column, text in of_cells:
        if table and table[at(table, row)]:
            corrupt(table, row, column, text)
    data = write(table, way)
    for kind, where, other, junk in of_bytes:
        data = corrupt_bytes(data, kind, where, other, junk)
    return data


# The tests

PLACES = r": (the header |is empty|is not UTF-8|has a header)|, header: |, row ([1-9][0-9]*): "


def check_rejection(message, name, invalid):
    """Check that the message is one line and names the file and an invalid row."""
    assert "\n" not in message
    assert len(message) < 1500
    found = re.match(re.escape(name) + f"(?:{PLACES})", message)
    assert found, message
    assert (int(found[2]) if found[2] else None) in invalid, message


def outcome_of(name, data):
    try:
        right, invalid = python_reading(name, data)
    except UnreadableError:
        right, invalid = [], {None}
    try:
        found = project_reading(name, data)
    except InputError as error:
        check_rejection(str(error), name, invalid)
        return "rejected"
    assert not invalid
    assert found == right
    return "read"


CORRUPTED = "Rows, cells, pixels or bytes changed at random, other encodings and separators"
READ_OR_REJECTED = "read exactly as Python's csv and float read it, or rejected with file and row"


@pytest.mark.fault("Tables", CORRUPTED, READ_OR_REJECTED)
@pytest.mark.parametrize("examples", [300, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", TABLES)
def test_corrupted_table_is_read_as_python_reads_it_or_rejected(name, examples, record_property):
    count_outcomes(
        lambda corruption: outcome_of(name, corrupted(name, corruption)),
        corruption_strategy,
        examples,
        record_property,
        {"read", "rejected"},
    )


def faces_of(rows):
    """Return the faces expected from training rows, by the rules of ``read_training_faces``."""
    keypoints, population, source = [], [], []
    for labels, image in rows:
        points = dict(zip(POINTS, zip(labels[::2], labels[1::2], strict=True), strict=True))
        known = {name for name, point in points.items() if None not in point}
        keypoints.append([points[name] if name in known else (np.nan, np.nan) for name in points])
        population.append(int(known <= set(POPULATION_B_POINTS)))
        source.append([other for _, other in rows].index(image))
    return np.array(keypoints, np.float32), population, source


def outcome_of_archive(folder, make_archive, corruptions):
    """Like ``outcome_of``, from the archive to faces."""
    data = {
        name: corrupted(name, corruption)
        for name, corruption in zip(TABLES, corruptions, strict=True)
    }
    right, wrong = {}, []
    for name, content in data.items():
        try:
            ids = [row[0] for row in right.get("test.csv", [])]
            is_lookup = name == "IdLookupTable.csv"
            right[name], invalid = (
                plain_lookup(content, ids) if is_lookup else python_reading(name, content)
            )
        except UnreadableError:
            invalid = {None}
        wrong += [name] if invalid else []
    path = make_archive(
        folder / "a.zip", **dict(zip(["training", "test", "lookup"], data.values(), strict=True))
    )
    archive = CompetitionArchive(path)
    try:
        archive.check()
        faces = read_training_faces(archive)
        test_faces, lookup = read_test_faces(archive)
    except InputError as error:
        assert re.search(f"({'|'.join(wrong)})(,|:) ", str(error)), error  # noqa: PT017
        return "rejected"
    assert not wrong
    keypoints, population, source = faces_of(right["training.csv"])
    np.testing.assert_array_equal(faces.keypoints, keypoints)
    assert faces.population.tolist() == population
    assert faces.group.tolist() == source
    images = [image for _, image in right["training.csv"]]
    assert faces.images.reshape(len(faces), -1).tolist() == images
    assert test_faces.group.tolist() == [image_id for image_id, _ in right["test.csv"]]
    images = [image for _, image in right["test.csv"]]
    assert test_faces.images.reshape(len(test_faces), -1).tolist() == images
    requested = lookup.itertuples(index=False, name=None)
    assert list(requested) == right["IdLookupTable.csv"]
    return "read"


WHOLE = st.integers(0, 2).flatmap(
    lambda corrupted: st.tuples(
        *(corruption_strategy if i == corrupted else st.just(([], "plain", [])) for i in range(3))
    )
) | st.tuples(corruption_strategy, corruption_strategy, corruption_strategy)


@pytest.mark.fault("Tables", CORRUPTED, READ_OR_REJECTED)
@pytest.mark.parametrize("examples", [100, pytest.param(2000, marks=pytest.mark.slow)])
def test_corrupted_tables_give_the_expected_faces_or_are_rejected(
    tmp_path, make_archive, examples, record_property
):
    count_outcomes(
        lambda corruptions: outcome_of_archive(tmp_path, make_archive, corruptions),
        WHOLE,
        examples,
        record_property,
        {"read", "rejected"},
    )
