import io
import math

import numpy as np
import pandas as pd
import pytest

from facial_keypoints.archive.submission import (
    SUBMISSION_COLUMNS,
    SubmissionRecord,
    check_submission,
    check_unchanged,
    format_submission,
    read_submission,
    submission_fingerprint,
    submission_rmse,
)
from facial_keypoints.errors import InputError

IMAGE_IDS = np.array([7, 3, 5], np.int32)


def test_rows_follow_the_lookup_table(lookup, predictions):
    predictions[0, 10, 0] = 31.5
    table = format_submission(predictions, IMAGE_IDS, lookup)
    assert tuple(table.columns) == SUBMISSION_COLUMNS
    assert table["RowId"].tolist() == [4, 1, 3, 2]
    assert table["Location"].tolist() == [50, 50, 31.5, 50]


def test_locations_are_clipped_to_the_image(lookup, predictions):
    predictions[0, 0, 0] = -3
    predictions[2, 10, 1] = 99.5
    assert format_submission(predictions, IMAGE_IDS, lookup)["Location"].tolist() == [96, 0, 50, 50]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_predictions_become_nan(lookup, predictions, value):
    predictions[1, 10, 1] = value
    location = format_submission(predictions, IMAGE_IDS, lookup)["Location"]
    assert location.isna().tolist() == [False, False, False, True]


def test_raises_input_error_for_predictions_of_other_images(lookup, predictions):
    with pytest.raises(InputError, match="predictions for 2 images, but 3 test images"):
        format_submission(predictions[:2], IMAGE_IDS, lookup)


def test_raises_input_error_for_predictions_of_another_shape(lookup, predictions):
    with pytest.raises(InputError, match=r"shape \(3, 30\)"):
        format_submission(predictions.reshape(3, 30), IMAGE_IDS, lookup)


@pytest.mark.parametrize(
    ("ids", "locations", "message"),
    [
        ([4, 1], [9, 9], "2 of the 4 RowIds in the lookup table are missing, the first is 3"),
        ([4, 1, 3, 9], [9, 9, 9, 9], "row 4: RowId 9 is not in the lookup table"),
        ([4, 1, 1, 1], [9, 9, 9, 9], r"row 3: RowId 1 occurs in an earlier row \(1 more"),
        ([4, 1, 3, 2], [9, 9, 96.01, -5], r"row 3: Location is 96\.01; .* 0 to 96 \(1 more"),
        ([4, 1, 3, 2], [9, np.nan, 9, 9], "row 2: Location is missing"),
        ([4, 1, 3, 2], [9, np.inf, 9, 9], "row 2: Location is inf"),
        ([4, 1, 3, 2], [0, 0.2, 1, 0.5], "all Locations lie between 0 and 1"),
    ],
)
def test_check_raises_input_error_for_what_kaggle_would_refuse(lookup, ids, locations, message):
    table = pd.DataFrame({"RowId": ids, "Location": np.array(locations, float)})
    with pytest.raises(InputError, match=f"^my.csv.*{message}.*Do this"):
        check_submission(table, lookup, "my.csv", "Do this")


def test_check_returns_a_valid_submission_as_it_is(lookup, caplog):
    caplog.set_level("INFO")
    table = pd.DataFrame({"RowId": [4, 1, 3, 2], "Location": [0.0, 96.0, 1.5, 7.0]})
    pd.testing.assert_frame_equal(check_submission(table, lookup, "my.csv", ""), table)
    assert caplog.messages == []


def test_check_sorts_rows_in_another_order(lookup, caplog):
    caplog.set_level("INFO")
    table = pd.DataFrame({"RowId": [4, 1, 3, 2], "Location": [0.0, 96.0, 1.5, 7.0]})
    other = table.sort_values("RowId")
    pd.testing.assert_frame_equal(check_submission(other, lookup, "my.csv", ""), table)
    assert caplog.messages == ["my.csv: rows sorted as in the lookup table"]


@pytest.mark.parametrize(
    "text",
    [
        "RowId,Location\n2,9.5\n1,7\n",
        "\ufeffRowId,Location\r\n2,9.5\r\n1,7.0\r\n\r\n",
        "Location,RowId\n9.5,2\n7,1\n",
        '"RowId","Location"\n"2"," 9.50"\n1,7e0\n',
    ],
    ids=["plain", "with a byte order mark", "columns exchanged", "quoted"],
)
def test_reads_a_submission(text):
    table = read_submission(io.BytesIO(text.encode()), "my.csv")
    expected = pd.DataFrame({"RowId": [2, 1], "Location": [9.5, 7.0]})
    pd.testing.assert_frame_equal(table, expected)


def test_reads_whole_numbers_of_floats(caplog):
    caplog.set_level("INFO")
    table = read_submission(io.BytesIO(b"RowId,Location\n1.0,7\n"), "my.csv")
    assert table["RowId"].tolist() == [1]
    assert caplog.messages == ["my.csv: RowIds such as 1.0 are read as whole numbers"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (",RowId,Location\n0,1,7\n", "my.csv: the header has no name for column 1.*index=False"),
        ("RowId;Location\n1;66,4\n", "my.csv: .*separated by semicolons"),
        ("RowId\tLocation\n1\t66.4\n", "my.csv: .*separated by tabs"),
        (
            "RowId,ImageId,FeatureName,Location\n1,1,nose_tip_x,7\n",
            "is that of IdLookupTable",
        ),
        ("1,7\n2,8\n", "lacks RowId, Location"),
        ("RowId,Location\n1,7,8\n", "row 1: 3 columns, but the header has 2"),
        ("RowId,Location\n1.5,7\n", "row 1: RowId is '1.5'; expected a positive integer"),
        ("RowId,Location\n1,7\n,8\n", "row 2: RowId is missing"),
        ('RowId,Location\n1,"66,4"\n', "row 1: Location is '66,4'; expected a number"),
        ("RowId,Location\n1,1_0\n", "row 1: Location is '1_0'"),
    ],
)
def test_read_raises_input_error_for_what_is_no_submission(text, message):
    with pytest.raises(InputError, match=message):
        read_submission(io.BytesIO(text.encode()), "my.csv")


def test_fingerprint_is_of_the_values_in_any_order():
    table = pd.DataFrame({"RowId": [4, 1], "Location": [66.41339111328125, 37.5]})
    rounded = table.assign(Location=[66.4133911132813, 37.5])  # as a spreadsheet shows it
    assert submission_fingerprint(table) == submission_fingerprint(table[::-1])
    assert submission_fingerprint(table) == submission_fingerprint(rounded)
    changed = table.assign(Location=[66.4134, 37.5])
    assert submission_fingerprint(table) != submission_fingerprint(changed)


@pytest.mark.parametrize(
    ("record", "command"),
    [
        ({"model": "5cl-3mpl"}, "kedro run --pipeline=submit"),
        ({"model": "ensemble"}, "kedro run --pipeline=compete --from-nodes=make_submission"),
    ],
)
def test_raises_input_error_for_a_changed_submission(record, command):
    table = pd.DataFrame({"RowId": [4, 1], "Location": [66.5, 37.5]})
    written = SubmissionRecord(submission_fingerprint(table), None, **record)
    check_unchanged(table, written)
    with pytest.raises(InputError) as caught:
        check_unchanged(table.assign(Location=[66.0, 37.5]), written)
    for words in (record["model"], written.fingerprint, command, "upload.file=PATH"):
        assert words in str(caught.value)


def test_rmse_covers_every_row_of_the_answer_key():
    submission = pd.DataFrame({"RowId": [4, 1, 3, 2], "Location": [10.0, 20.0, 30.0, 40.0]})
    key = pd.DataFrame({"RowId": [1, 2, 3, 4], "Location": [20.0, 43.0, 30.0, 14.0]})
    assert submission_rmse(submission, key) == pytest.approx(math.sqrt((3**2 + 4**2) / 4))


def test_rmse_raises_input_error_for_a_key_of_another_competition():
    submission = pd.DataFrame({"RowId": [1, 2], "Location": [10.0, 20.0]})
    key = pd.DataFrame({"RowId": [1, 77], "Location": [1.0, 2.0]})
    with pytest.raises(InputError, match="submission lacks RowId 77 of the answer key"):
        submission_rmse(submission, key)
