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
PICTURE = " ".join(str(i % 256) for i in range(PIXELS))


def picture(*, first="0", last="7", count=PIXELS):
    return " ".join([first, *["5"] * (count - 2), last])


def read(data):
    return read_training_table(io.BytesIO(data), "training.csv")


def refusal(data):
    with pytest.raises(InputError) as error:
        read(data)
    message = str(error.value)
    assert message.startswith("training.csv")
    assert len(message) < 1500
    assert "\n" not in message
    return message


@pytest.fixture
def rows(full_labels):
    """Three good rows: labels, some missing, and a picture with every grey."""
    labels = list(full_labels().values())
    return [
        [*labels, PICTURE],
        [*labels[:8], *[""] * 22, PICTURE],
        [*["12.5", "0"], *["96"] * 28, PICTURE],
    ]


# What is read right


def test_values_and_pixels_arrive_where_they_belong(make_table, rows):
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
    "read right",
)
@pytest.mark.parametrize("way", HARMLESS)
def test_harmless_ways_of_writing_make_no_difference(make_table, rows, way):
    plain = make_table(HEADER, rows)
    written = HARMLESS[way](plain, rows, make_table)
    assert written != plain
    for found, right in zip(read(written), read(plain), strict=True):
        np.testing.assert_array_equal(found, right)


# What is refused, and what is said then


@pytest.mark.fault(
    "Tables", "A cell that is no number, or out of its range", "refused with file, row and column"
)
@pytest.mark.parametrize(
    ("text", "said"),
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
def test_bad_label_is_named_with_row_and_column(make_table, rows, text, said):
    rows[1][20] = text
    message = refusal(make_table(HEADER, rows))
    assert message.startswith("training.csv, row 2: nose_tip_x is ")
    assert said in message


@pytest.mark.fault(
    "Tables",
    "A picture with a pixel too few or too many, or one that is none",
    "refused with file, row and pixel",
)
@pytest.mark.parametrize(
    ("pixels", "said"),
    [
        (picture(last="256"), "pixel 9216 of Image is 256; expected 0 to 255"),
        (picture(first="-1"), "pixel 1 of Image is -1; expected 0 to 255"),
        (picture(last="9" * 30), "pixel 9216 of Image is 9223372036854775807"),
        (picture(last="12.5"), "Image contains the pixel '12.5'"),
        (picture(first="x"), "Image contains the pixel 'x'"),
        (picture(last="1e2"), "Image contains the pixel '1e2'"),
        (picture(last="nan"), "Image contains the pixel 'nan'"),
        (picture(last="-"), "Image contains the pixel '-'"),
        (picture(first="+"), "Image contains the pixel '+'"),
        (picture(last="1_0"), "Image contains the pixel '1_0'"),
        (picture(last="\uff17"), "Image contains the pixel '\uff17'"),
        (picture(first="5\xa05"), r"Image contains the pixel '5\xa05 5 5 "),
        (picture(last="7;7"), "Image contains the pixel '7;7'"),
        (picture() + "\0 garbage", r"Image contains the pixel '7\x00'"),
        (picture(last="7\0"), r"Image contains the pixel '7\x00'"),
        (picture(count=PIXELS - 1), "Image has 9,215 pixels, not 9,216 (96 x 96)"),
        (picture(count=PIXELS + 1), "Image has 9,217 pixels, not 9,216 (96 x 96)"),
        ("", "Image has 0 pixels, not 9,216 (96 x 96)"),
        ("  ", "Image has 0 pixels, not 9,216 (96 x 96)"),
        ("7", "Image has 1 pixels, not 9,216 (96 x 96)"),
    ],
)
def test_bad_picture_is_named_with_row(make_table, rows, pixels, said):
    rows[2][-1] = pixels
    message = refusal(make_table(HEADER, rows))
    assert message.startswith("training.csv, row 3: ")
    assert said in message


def test_the_first_of_several_bad_rows_is_named_and_the_others_counted(make_table, rows):
    rows[1][0] = rows[2][0] = "100"
    message = refusal(make_table(HEADER, rows))
    assert message.startswith("training.csv, row 2: left_eye_center_x is '100.0'")
    assert "1 more rows have such an error" in message


@pytest.mark.fault(
    "Tables",
    "Columns missing, unknown, twice or in another separator or encoding",
    "refused with the right columns",
)
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda d: d.replace(b"nose_tip_x,", b"nose_x,", 1), "lacks nose_tip_x and has unknown"),
        (lambda d: d.replace(b"Image", b"Picture", 1), "lacks Image and has unknown Picture"),
        (
            lambda d: d.replace(b"nose_tip_x", b"nose_tip_y", 1),
            "lacks nose_tip_x and repeats nose_tip_y",
        ),
        (lambda d: b"id," + d.replace(b"\n", b"\n1,"), "has unknown id"),
        (lambda d: d.replace(b",", b";"), "lacks left_eye_center_x"),
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
def test_bad_header_is_told_with_the_right_columns(make_table, rows, spoil, said):
    assert said in refusal(spoil(make_table(HEADER, rows)))


@pytest.mark.fault(
    "Tables",
    "Rows cut, ragged, with a stray quote or a byte that is no UTF-8",
    "refused with file and row",
)
@pytest.mark.parametrize(
    ("spoil", "said"),
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
def test_ragged_cut_or_miscoded_row_is_named(make_table, rows, spoil, said):
    lines = make_table(HEADER, rows).rstrip(b"\n").split(b"\n")
    assert f"training.csv, {said}" in refusal(b"\n".join(spoil(lines)))


# test.csv


def read_test(data):
    return read_test_table(io.BytesIO(data), "test.csv")


def test_ids_and_pictures_of_the_test_table(make_table):
    ids, images = read_test(make_table(["ImageId", "Image"], [[7, PICTURE], [3, picture()]]))
    assert ids.tolist() == [7, 3]
    assert ids.dtype == np.int32
    assert images.shape == (2, 96, 96)
    assert images[1, 0, 0] == 0
    assert images[1, 95, 95] == 7


@pytest.mark.fault(
    "Tables", "A cell that is no number, or out of its range", "refused with file, row and column"
)
@pytest.mark.parametrize(
    "text", ["", "x", "1.0", "1_0", "-1", "0", str(2**31), "9" * 5000, "\uff11"]
)
def test_bad_test_id_is_named_with_its_row(make_table, text):
    data = make_table(["ImageId", "Image"], [[1, PICTURE], [text, PICTURE]])
    with pytest.raises(InputError, match=r"test\.csv, row 2: ImageId is .* a positive integer"):
        read_test(data)


@pytest.mark.fault(
    "Tables",
    "An ImageId, RowId or question twice, or an image that is not there",
    "refused with file and row",
)
def test_repeated_test_id_is_named_with_both_rows(make_table):
    data = make_table(["ImageId", "Image"], [[5, PICTURE], [6, PICTURE], ["05", PICTURE]])
    with pytest.raises(InputError, match=r"row 3: ImageId 5 occurs in row 1"):
        read_test(data)


@pytest.mark.fault(
    "Tables",
    "A picture with a pixel too few or too many, or one that is none",
    "refused with file, row and pixel",
)
def test_bad_test_picture_is_named_with_its_row(make_table):
    data = make_table(["ImageId", "Image"], [[1, PICTURE], [2, picture(last="256")]])
    with pytest.raises(InputError, match=r"test\.csv, row 2: pixel 9216 of Image is 256"):
        read_test(data)


# IdLookupTable.csv

LOOKUP = ["RowId", "ImageId", "FeatureName", "Location"]


def read_lookup(data):
    return read_lookup_table(io.BytesIO(data), "IdLookupTable.csv", [1, 2, 3])


def test_lookup_keeps_the_order_of_its_file_and_only_what_is_needed(make_table):
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
    "An ImageId, RowId or question twice, or an image that is not there",
    "refused with file and row",
)
@pytest.mark.parametrize(
    ("bad", "said"),
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
def test_bad_lookup_row_is_named(make_table, bad, said):
    data = make_table(LOOKUP, [[1, 1, "nose_tip_x", ""], bad, [3, 3, "nose_tip_x", ""]])
    with pytest.raises(InputError) as error:
        read_lookup(data)
    message = str(error.value)
    assert message.startswith(f"IdLookupTable.csv, {said}")
    assert len(message) < 300


@pytest.mark.fault(
    "Tables",
    "Columns missing, unknown, twice or in another separator or encoding",
    "refused with the right columns",
)
def test_lookup_without_a_column_or_rows_is_refused(make_table):
    with pytest.raises(InputError, match="lacks FeatureName; expected: RowId, ImageId"):
        read_lookup(make_table(["RowId", "ImageId", "Feature"], [[1, 1, "nose_tip_x"]]))
    with pytest.raises(InputError, match="has a header but no rows"):
        read_lookup(make_table(LOOKUP, []))
