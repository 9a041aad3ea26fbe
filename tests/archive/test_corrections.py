"""Corrections of labels."""

import logging

import numpy as np
import pytest

from facial_keypoints.archive.corrections import (
    LabelCorrection,
    correct_labels,
    corrections_table,
    read_corrections,
)
from facial_keypoints.errors import InputError
from facial_keypoints.keypoints import KEYPOINTS

NOSE = KEYPOINTS.index("nose_tip")
MOUTH = KEYPOINTS.index("mouth_left_corner")
HEADER = "row,keypoint,x,y\n"


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "corrections.csv"
        path.write_text(text)
        return path

    return write


def test_labels_are_moved_added_and_dropped(make_faces, write, caplog):
    caplog.set_level(logging.INFO)
    faces = make_faces(3, of_b=1)
    path = write(HEADER + "1,nose_tip,40.5,50\n2,mouth_left_corner,,\n3,nose_tip,1,2\n")
    corrected = correct_labels(faces, path)
    np.testing.assert_array_equal(corrected.keypoints[[0, 2], NOSE], [(40.5, 50), (1, 2)])
    assert np.isnan(corrected.keypoints[1, MOUTH]).all()
    assert corrected.labelled.sum() == faces.labelled.sum() - 1
    changed = (corrected.keypoints != faces.keypoints) & np.isfinite(faces.keypoints)
    assert set(zip(*np.nonzero(changed.any(axis=2)), strict=True)) == {
        *((0, NOSE), (1, MOUTH), (2, NOSE))
    }
    assert "2 labels moved or added, 1 label dropped, in 3 rows" in caplog.text
    assert corrected.digest() != faces.digest()


def test_no_file_changes_nothing(make_faces):
    faces = make_faces(2)
    assert correct_labels(faces, None) is faces


def test_written_table_is_read_again(write):
    corrections = [LabelCorrection(7, "nose_tip", None), LabelCorrection(2, "nose_tip", (1.5, 96))]
    path = write(corrections_table(corrections).to_csv(index=False))
    assert read_corrections(path) == corrections[::-1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("row,x,y\n1,2,3\n", "lacks keypoint"),
        (HEADER, "has a header but no rows"),
        (HEADER + "0,nose_tip,1,2\n", r"csv, row 1: row is '0'"),
        (HEADER + "1,nose,1,2\n", r"row 1: unknown keypoint 'nose' \(did you mean 'nose_tip'\?\)"),
        (HEADER + "1,nose_tip,1,2\n1,nose_tip,,\n", r"row 2: nose_tip of row 1 is corrected twice"),
        (HEADER + "1,nose_tip,1,\n", "row 1: give x and y, or neither"),
        (HEADER + "1,nose_tip,1,97\n", r"row 1: y is '97', not a number from 0 to 96"),
        (HEADER + "1,nose_tip,nan,1\n", r"row 1: x is 'nan'"),
        (HEADER + "4,nose_tip,1,2\n", r"nose_tip of row 4: training.csv has 3 rows"),
        (HEADER + "3,mouth_left_corner,1,2\n", "the row is of population B"),
    ],
)
def test_wrong_file_is_one_line(make_faces, write, text, message):
    with pytest.raises(InputError, match=message) as error:
        correct_labels(make_faces(3, of_b=1), write(text))
    assert "\n" not in str(error.value)


def test_missing_file_is_one_line(make_faces, tmp_path):
    with pytest.raises(InputError, match=r"clean.corrections=.*No such file"):
        correct_labels(make_faces(3), tmp_path / "no.csv")
