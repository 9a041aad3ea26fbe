import io

import numpy as np
import pytest

from facial_keypoints.archive.tables import (
    read_lookup_table,
    read_test_table,
    read_training_table,
)
from facial_keypoints.errors import InputError
from facial_keypoints.keypoints import COORDINATE_COLUMNS

HEADER = [*COORDINATE_COLUMNS, "Image"]
PIXELS = 96 * 96
IMAGE = " ".join(str(i % 256) for i in range(PIXELS))


def image(*, first="0", last="7", count=PIXELS):
    return " ".join([first, *["5"] * (count - 2), last])


def read(data):
    return read_training_table(io.BytesIO(data), "training.csv")


def rejection(data):
    with pytest.raises(InputError) as error:
        read(data)
    message = str(error.value)
    assert message.startswith("training.csv")
    assert len(message) < 1500
    assert "\n" not in message
    return message


@pytest.fixture
def rows(full_labels):
    """Three good rows: labels, some missing, and a image with every grey."""
    labels = list(full_labels().values())
    return [
        [*labels, IMAGE],
        [*labels[:8], *[""] * 22, IMAGE],
        [*["12.5", "0"], *["96"] * 28, IMAGE],
    ]


# Accepted tables


def test_reads_labels_and_pixels(make_table, rows):
    labels, images = read(make_table(HEADER, rows))
    assert list(labels.columns) == list(COORDINATE_COLUMNS)
    assert labels.iloc[0, :2].tolist() == [40.5, 50.25]
    assert labels.iloc[1].isna().tolist() == [False] * 8 + [True] * 22
    assert labels.iloc[2, :3].tolist() == [12.5, 0, 96]
    assert images.dtype == np.uint8
    assert images.shape == (3, 96, 96)
    np.testing.assert_array_equal(images[0], (np.arange(PIXELS) % 256).reshape(96, 96))


def reordered(data, rows, make_table):
    return make_table(HEADER[::-1], [row[::-1] for row in rows])


HARMLESS = {
    "byte-order mark": lambda data, *_: b"\xef\xbb\xbf" + data,
    "Windows line ends": lambda data, *_: data.replace(b"\n", b"\r\n"),
    "old Macintosh line ends": lambda data, *_: data.replace(b"\n", b"\r"),
    "no newline at the end": lambda data, *_: data.rstrip(b"\n"),
    "blank lines": lambda data, *_: b"\n\n" + data.replace(b"\n", b"\n\n"),
    "columns in another order": reordered,
    "space around cells": lambda data, *_: data.replace(b",", b" ,  "),
    "space around pixels": lambda data, *_: data.replace(b" 9 ", b"  9\t "),
    "zeros and signs before pixels": lambda data, *_: data.replace(b" 9 ", b" +009 "),
    "every cell quoted": lambda data, *_: (
        b'"' + data.rstrip(b"\n").replace(b",", b'","').replace(b"\n", b'"\n"') + b'"\n'
    ),
    "missing labels as nan": lambda data, *_: data.replace(b",,", b",NaN,").replace(
        b",,", b",nan,"
    ),
    "exponents": lambda data, *_: data.replace(b"12.5", b"1.25e1"),
}


@pytest.mark.fault(
    "Tables",
    "Byte-order mark, CR/LF mixes, blank lines, other order of columns, quotes",
    "read correctly",
)
@pytest.mark.parametrize("way", HARMLESS)
def test_harmless_variants_of_csv_read_the_same(make_table, rows, way):
    plain = make_table(HEADER, rows)
    written = HARMLESS[way](plain, rows, make_table)
    assert written != plain
    for found, right in zip(read(written), read(plain), strict=True):
        np.testing.assert_array_equal(found, right)


# Rejected tables


@pytest.mark.fault(
    "Tables", "A cell that is not a number or out of range", "rejected with file, row and column"
)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abc", "'abc', not a number"),
        ("1_0", "'1_0', not a number"),
        ("0x10", "'0x10', not a number"),
        ("1,5", "'1,5', not a number"),
        ("\uff11\uff12", "'\uff11\uff12', not a number"),
        ("1 2", "'1 2', not a number"),
        ("NA", "'NA', not a number"),
        ("1\0", r"'1\x00', not a number"),
        ("z" * 5000, "'zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz...', not a number"),
        ("inf", "between 0 and 96"),
        ("-inf", "between 0 and 96"),
        ("1e999", "between 0 and 96"),
        ("-0.001", "'-0.001'; labels must be between 0 and 96"),
        ("96.001", "'96.001'; labels must be between 0 and 96"),
    ],
)
def test_raises_input_error_that_names_row_and_column_of_a_label(make_table, rows, text, expected):
    rows[1][20] = text
    message = rejection(make_table(HEADER, rows))
    assert message.startswith("training.csv, row 2: nose_tip_x is ")
    assert expected in message


@pytest.mark.fault(
    "Tables",
    "An image with missing, extra or invalid pixels",
    "rejected with file, row and pixel",
)
@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (image(last="256"), "pixel 9216 of Image is 256; expected 0 to 255"),
        (image(first="-1"), "pixel 1 of Image is -1; expected 0 to 255"),
        (image(last="9" * 30), "pixel 9216 of Image is 9223372036854775807"),
        (image(last="12.5"), "Image contains the pixel '12.5'"),
        (image(first="x"), "Image contains the pixel 'x'"),
        (image(last="1e2"), "Image contains the pixel '1e2'"),
        (image(last="nan"), "Image contains the pixel 'nan'"),
        (image(last="-"), "Image contains the pixel '-'"),
        (image(first="+"), "Image contains the pixel '+'"),
        (image(last="1_0"), "Image contains the pixel '1_0'"),
        (image(last="\uff17"), "Image contains the pixel '\uff17'"),
        (image(first="5\xa05"), r"Image contains the pixel '5\xa05 5 5 "),
        (image(last="7;7"), "Image contains the pixel '7;7'"),
        (image() + "\0 garbage", r"Image contains the pixel '7\x00'"),
        (image(last="7\0"), r"Image contains the pixel '7\x00'"),
        (image(count=PIXELS - 1), "Image has 9,215 pixels, not 9,216 (96 x 96)"),
        (image(count=PIXELS + 1), "Image has 9,217 pixels, not 9,216 (96 x 96)"),
        ("", "Image has 0 pixels, not 9,216 (96 x 96)"),
        ("  ", "Image has 0 pixels, not 9,216 (96 x 96)"),
        ("7", "Image has 1 pixels, not 9,216 (96 x 96)"),
    ],
)
def test_raises_input_error_that_names_the_row_of_an_image(make_table, rows, pixels, expected):
    rows[2][-1] = pixels
    message = rejection(make_table(HEADER, rows))
    assert message.startswith("training.csv, row 3: ")
    assert expected in message


def test_error_names_the_first_invalid_row_and_counts_the_others(make_table, rows):
    rows[1][0] = rows[2][0] = "100"
    message = rejection(make_table(HEADER, rows))
    assert message.startswith("training.csv, row 2: left_eye_center_x is '100.0'")
    assert "1 more rows have such an error" in message


@pytest.mark.fault(
    "Tables",
    "Columns missing, unknown or repeated; other separators or encodings",
    "rejected with the expected columns",
)
@pytest.mark.parametrize(
    ("corrupt", "expected"),
    [
        (lambda d: d.replace(b"nose_tip_x,", b"nose_x,", 1), "lacks nose_tip_x and has unknown"),
        (lambda d: d.replace(b"Image", b"Picture", 1), "lacks Image and has unknown Picture"),
        (
            lambda d: d.replace(b"nose_tip_x", b"nose_tip_y", 1),
            "lacks nose_tip_x and repeats nose_tip_y",
        ),
        (lambda d: b"id," + d.replace(b"\n", b"\n1,"), "has unknown id"),
        (lambda d: d.replace(b",", b"|"), "lacks left_eye_center_x"),
        (lambda d: d.split(b"\n", 1)[1], "the header lacks"),
        (lambda d: d.decode().encode("utf-16"), "not UTF-8 text"),
        (lambda _: b"PK\x03\x04\x00\x00" + bytes(range(256)), "training.csv"),
        (lambda _: b"", "is empty"),
        (lambda _: b"\xef\xbb\xbf", "is empty"),
        (lambda _: b"\n \n\n", "is empty"),
        (lambda d: d.split(b"\n")[0], "has a header but no rows"),
        (lambda d: d.split(b"\n")[0] + b"\r\n\r\n", "has a header but no rows"),
    ],
)
def test_raises_input_error_with_the_expected_columns(make_table, rows, corrupt, expected):
    assert expected in rejection(corrupt(make_table(HEADER, rows)))


@pytest.mark.fault("Tables", "Columns without a name, of another table or separator", "named")
@pytest.mark.parametrize(
    ("corrupt", "expected"),
    [
        (
            lambda d: b"," + d.replace(b"\n", b"\n0,").removesuffix(b"0,"),
            "the header has no name for column 1; pandas writes its index so: save the table with "
            "index=False",
        ),
        (
            lambda d: b"Unnamed: 0," + d.replace(b"\n", b"\n0,").removesuffix(b"0,"),
            "the header has no name for column 1; pandas writes its index so",
        ),
        (lambda d: d.replace(b"\n", b",\n"), "the header has no name for column 32; pandas"),
        (
            lambda d: d.replace(b"left_eye_center_x", b"", 1),
            "lacks left_eye_center_x and has no name for column 1; expected: left_eye_center_x, ",
        ),
        (
            lambda d: d.replace(b",", b";"),
            "is separated by semicolons; save the table with commas",
        ),
        (
            lambda d: d.replace(b",", b"\t"),
            "is separated by tabs; save the table with commas",
        ),
        (lambda _: b"ImageId,Image\n1,2\n", "the header is that of test.csv; give each"),
        (
            lambda d: d.replace(b"Image", b"x" * 50, 1),
            f"has unknown {'x' * 37}...; expected: left_eye_center_x, left_eye_center_y, ",
        ),
    ],
)
def test_raises_input_error_that_explains_the_header(make_table, rows, corrupt, expected):
    message = rejection(corrupt(make_table(HEADER, rows)))
    assert expected in message
    assert len(message) < 300


def test_lookup_table_may_have_a_column_without_a_name(make_table):
    table = read_lookup(make_table(["", *LOOKUP], [[0, 5, 2, "nose_tip_y", ""]]))
    assert table["RowId"].tolist() == [5]


@pytest.mark.fault(
    "Tables", "Labels on another scale, or missing ones as a number", "rejected, explained"
)
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda v: v or "-1", "; all 22 such labels are -1: leave missing labels blank"),
        (lambda v: v or "999", "; all 22 such labels are 999: leave missing labels blank"),
        (
            lambda v: v and str((float(v) - 48) / 48),
            "; all labels lie between -1 and 1: give them in pixels (times 48, plus 48)",
        ),
        (
            lambda v: v and str(2 * float(v)),
            "; labels lie between 0 and 192: give them in pixels of 96 x 96 images",
        ),
    ],
)
def test_raises_input_error_that_explains_labels_out_of_range(make_table, rows, change, expected):
    table = make_table(HEADER, [[*map(change, row[:-1]), row[-1]] for row in rows])
    assert rejection(table).endswith(expected)


@pytest.mark.fault(
    "Tables",
    "Rows truncated, ragged, with a stray quote or an invalid byte",
    "rejected with file and row",
)
@pytest.mark.parametrize(
    ("corrupt", "expected"),
    [
        (lambda lines: [*lines[:3], lines[3][:-900], b""], "row 3: Image has"),
        (lambda lines: [*lines[:2], lines[2].replace(b",", b"", 1), lines[3]], "row 2: 30 columns"),
        (
            lambda lines: [*lines[:2], lines[2] + b",", lines[3]],
            "row 2: 32 columns, but the header",
        ),
        (lambda lines: [*lines[:3], lines[3][:20]], "row 3: 7 columns, but the header has 31"),
        (lambda lines: [*lines[:2], b'"' + lines[2], lines[3]], "row 2: not valid CSV"),
        (lambda lines: [*lines[:2], b'"1"2' + lines[2], lines[3]], "row 2: not valid CSV"),
        (lambda lines: [b'"' + lines[0], *lines[1:]], "header: not valid CSV"),
        (lambda lines: [*lines[:2], b"\xff" + lines[2], lines[3]], "row 2: left_eye_center_x is"),
        (lambda lines: [*lines[:2], lines[2], lines[0]], "row 3: left_eye_center_x is 'left_eye"),
    ],
)
def test_raises_input_error_that_names_a_malformed_row(make_table, rows, corrupt, expected):
    lines = make_table(HEADER, rows).rstrip(b"\n").split(b"\n")
    assert f"training.csv, {expected}" in rejection(b"\n".join(corrupt(lines)))


# test.csv


def read_test(data):
    return read_test_table(io.BytesIO(data), "test.csv")


def test_reads_image_ids_and_images(make_table):
    ids, images = read_test(make_table(["ImageId", "Image"], [[7, IMAGE], [3, image()]]))
    assert ids.tolist() == [7, 3]
    assert ids.dtype == np.int32
    assert images.shape == (2, 96, 96)
    assert images[1, 0, 0] == 0
    assert images[1, 95, 95] == 7


@pytest.mark.fault(
    "Tables", "A cell that is not a number or out of range", "rejected with file, row and column"
)
@pytest.mark.parametrize(
    "text", ["", "x", "1.0", "1_0", "-1", "0", str(2**31), "9" * 5000, "\uff11"]
)
def test_raises_input_error_for_an_invalid_image_id(make_table, text):
    data = make_table(["ImageId", "Image"], [[1, IMAGE], [text, IMAGE]])
    with pytest.raises(InputError, match=r"test\.csv, row 2: ImageId is .* a positive integer"):
        read_test(data)


@pytest.mark.fault(
    "Tables",
    "A repeated ImageId, RowId or request, or an unknown image",
    "rejected with file and row",
)
def test_raises_input_error_with_both_rows_of_a_repeated_image_id(make_table):
    data = make_table(["ImageId", "Image"], [[5, IMAGE], [6, IMAGE], ["05", IMAGE]])
    with pytest.raises(InputError, match=r"row 3: ImageId 5 occurs in row 1"):
        read_test(data)


@pytest.mark.fault(
    "Tables",
    "An image with missing, extra or invalid pixels",
    "rejected with file, row and pixel",
)
def test_raises_input_error_for_an_invalid_test_image(make_table):
    data = make_table(["ImageId", "Image"], [[1, IMAGE], [2, image(last="256")]])
    with pytest.raises(InputError, match=r"test\.csv, row 2: pixel 9216 of Image is 256"):
        read_test(data)


# IdLookupTable.csv

LOOKUP = ["RowId", "ImageId", "FeatureName", "Location"]


def read_lookup(data):
    return read_lookup_table(io.BytesIO(data), "IdLookupTable.csv", [1, 2, 3])


def test_reads_the_lookup_table_in_order_without_other_columns(make_table):
    rows = [[5, 2, "nose_tip_y", ""], [" 1", 3, "nose_tip_x ", "7"], [3, 1, "nose_tip_x", ""]]
    table = read_lookup(make_table(LOOKUP, rows))
    assert table.to_dict("list") == {
        "RowId": [5, 1, 3],
        "ImageId": [2, 3, 1],
        "FeatureName": ["nose_tip_y", "nose_tip_x", "nose_tip_x"],
    }
    assert table["RowId"].dtype == table["ImageId"].dtype == np.int64


@pytest.mark.fault(
    "Tables",
    "A repeated ImageId, RowId or request, or an unknown image",
    "rejected with file and row",
)
@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        ([2, 9, "nose_tip_y", ""], "row 2: ImageId 9 is not in test.csv (ids 1 to 3)"),
        (
            [2, 1, "nose_y", ""],
            "row 2: FeatureName is 'nose_y'; expected one of training.csv's 30",
        ),
        ([2, 1, "", ""], "row 2: FeatureName is ''"),
        ([1, 1, "nose_tip_y", ""], "row 2: RowId is '1'; it occurs in an earlier row"),
        ([2, 1, "nose_tip_x", ""], "row 2: ImageId is '1'; an earlier row has the same"),
        (["x", 1, "nose_tip_y", ""], "row 2: RowId is 'x'; expected a positive integer"),
        (["1_0", 1, "nose_tip_y", ""], "row 2: RowId is '1_0'; expected a positive integer"),
        ([2, "1.5", "nose_tip_y", ""], "row 2: ImageId is '1.5'; expected a positive integer"),
        (["9" * 30, 1, "nose_tip_y", ""], "row 2: RowId is '9999"),
        ([0, 1, "nose_tip_y", ""], "row 2: RowId is '0'"),
        ([2, 1, "nose_tip_y"], "row 2: 3 columns, but the header has 4"),
    ],
)
def test_raises_input_error_that_names_a_lookup_row(make_table, bad, expected):
    data = make_table(LOOKUP, [[1, 1, "nose_tip_x", ""], bad, [3, 3, "nose_tip_x", ""]])
    with pytest.raises(InputError) as error:
        read_lookup(data)
    message = str(error.value)
    assert message.startswith(f"IdLookupTable.csv, {expected}")
    assert len(message) < 300


@pytest.mark.fault(
    "Tables",
    "Columns missing, unknown or repeated; other separators or encodings",
    "rejected with the expected columns",
)
def test_raises_input_error_for_a_lookup_table_without_columns_or_rows(make_table):
    with pytest.raises(InputError, match="lacks FeatureName; expected: RowId, ImageId"):
        read_lookup(make_table(["RowId", "ImageId", "Feature"], [[1, 1, "nose_tip_x"]]))
    with pytest.raises(InputError, match="has a header but no rows"):
        read_lookup(make_table(LOOKUP, []))
