import json

import numpy as np
import pandas as pd
import pytest
from parameters import section

from facial_keypoints.archive.competition import CompetitionArchive
from facial_keypoints.errors import InputError
from facial_keypoints.keypoints import (
    COORDINATE_COLUMNS,
    KEYPOINTS,
    LEFT_EYE,
    POPULATION_B_POINTS,
    RIGHT_EYE,
)
from facial_keypoints.parameters import CleanParameters
from facial_keypoints.pipelines.clean.nodes import (
    draw_face_grid,
    find_label_issues,
    read_test_faces,
    read_training_faces,
    summarize_faces,
    treat_missing_labels,
)

HEADER = [*COORDINATE_COLUMNS, "Image"]
NOSE = KEYPOINTS.index("nose_tip")


@pytest.fixture
def archive_of(tmp_path, make_archive, make_table):
    """A checked archive with these training rows."""

    def build(*rows, **tables):
        path = make_archive(
            tmp_path / "a.zip", training=make_table(HEADER, rows) if rows else None, **tables
        )
        archive = CompetitionArchive(path)
        archive.check()
        return archive

    return build


def four_points():
    columns = [f"{name}_{axis}" for name in POPULATION_B_POINTS for axis in "xy"]
    return dict.fromkeys(columns, "30")


def test_populations_are_told_apart_by_the_points_they_carry(
    archive_of, make_training_row, full_labels
):
    faces = read_training_faces(
        archive_of(
            make_training_row(full_labels()),
            make_training_row(**four_points(), grey=1),
            make_training_row(grey=2),
            make_training_row(**four_points(), mouth_left_corner_x="50", mouth_left_corner_y="70"),
            make_training_row(**four_points(), mouth_left_corner_x="50", grey=4),
        )
    )
    assert faces.population.tolist() == [0, 1, 1, 0, 1]
    assert faces.complete.tolist() == [True, False, False, False, False]
    assert not faces.augmented.any()


def test_a_point_with_one_coordinate_counts_as_missing(archive_of, make_training_row, full_labels):
    row = make_training_row({**full_labels(), "nose_tip_y": ""})
    faces = read_training_faces(archive_of(row))
    assert np.isnan(faces.keypoints[0, NOSE]).all()
    assert faces.labelled[0].tolist() == [point != NOSE for point in range(15)]
    assert faces.keypoints[0, 0].tolist() == [40.5, 50.25]


def test_identical_pictures_share_the_first_of_them_as_source(archive_of, make_training_row):
    greys = [3, 5, 3, 6, 5, 3]
    faces = read_training_faces(archive_of(*(make_training_row(grey=grey) for grey in greys)))
    assert faces.group.tolist() == [0, 1, 0, 3, 1, 0]


def test_bad_row_of_the_archive_is_named(archive_of, make_training_row):
    archive = archive_of(make_training_row(), make_training_row(nose_tip_x="97"))
    with pytest.raises(InputError, match=r"training\.csv, row 2: nose_tip_x is '97.0'"):
        read_training_faces(archive)


def test_test_faces_carry_ids_and_the_population_that_is_asked(archive_of, make_table):
    pixels = " ".join(["8"] * 9216)
    lookup = [[1, 4, "nose_tip_x"], [2, 2, "mouth_left_corner_x"], [3, 2, "nose_tip_x"]]
    archive = archive_of(
        test=make_table(["ImageId", "Image"], [[2, pixels], [9, pixels], [4, pixels]]),
        lookup=make_table(["RowId", "ImageId", "FeatureName"], lookup),
    )
    faces, table = read_test_faces(archive)
    assert faces.group.tolist() == [2, 9, 4]
    assert faces.population.tolist() == [0, 0, 1]  # nobody asks for 9
    assert not faces.labelled.any()
    assert np.isnan(faces.keypoints).all()
    assert table["RowId"].tolist() == [1, 2, 3]


def test_lookup_of_another_test_table_is_refused(archive_of, make_table):
    archive = archive_of(
        lookup=make_table(["RowId", "ImageId", "FeatureName"], [[1, 2, "nose_tip_x"]])
    )
    with pytest.raises(InputError, match=r"IdLookupTable\.csv, row 1: ImageId 2 is not in"):
        read_test_faces(archive)


# Missing labels


def policy(name):
    return section(CleanParameters, missing_labels=name)


def test_mask_keeps_everything_as_it_is(make_faces):
    faces = make_faces(4, of_b=2)
    assert treat_missing_labels(faces, policy("mask")) is faces


def test_drop_keeps_complete_rows_and_their_sources(make_faces):
    kept = treat_missing_labels(make_faces(5, of_b=2), policy("drop"))
    assert kept.group.tolist() == [0, 1, 2]
    assert np.isfinite(kept.keypoints).all()


def test_drop_refuses_to_drop_every_row(make_faces):
    with pytest.raises(InputError, match="missing_labels=drop leaves no row"):
        treat_missing_labels(make_faces(3, of_b=3), policy("drop"))


def test_forward_fill_takes_the_last_known_value_and_does_not_call_it_genuine(make_faces):
    faces = make_faces(5, of_b=3)
    faces.keypoints[0, NOSE] = np.nan  # nothing before it to fill from
    faces.labelled[0, NOSE] = False
    filled = treat_missing_labels(faces, policy("forward_fill"))
    assert np.isnan(filled.keypoints[0, NOSE]).all()
    missing = ~faces.labelled[2:]
    last_complete = np.broadcast_to(faces.keypoints[1], filled.keypoints[2:].shape)
    np.testing.assert_array_equal(filled.keypoints[2:][missing], last_complete[missing])
    known = faces.labelled
    np.testing.assert_array_equal(filled.keypoints[known], faces.keypoints[known])
    np.testing.assert_array_equal(filled.labelled, faces.labelled)
    assert np.isnan(faces.keypoints[2:][missing]).all(), "the input was written to"


# The account


@pytest.fixture
def upright(make_faces):
    """Faces whose labels nothing is wrong with: eyes 30 px apart, the left one to the right."""
    faces = make_faces(6, of_b=2)
    faces.keypoints[:, LEFT_EYE] = 65, 40
    faces.keypoints[:, RIGHT_EYE] = 35, 40
    return faces


def test_nothing_is_suspect_without_a_reason(upright):
    assert find_label_issues(upright) == {}
    upright.keypoints[1:3, RIGHT_EYE] = np.nan
    assert find_label_issues(upright) == {}


def test_eyes_on_the_wrong_sides_or_too_close_are_suspect(upright):
    upright.keypoints[1, LEFT_EYE] = 20, 40
    upright.keypoints[3, LEFT_EYE] = 38, 44
    assert find_label_issues(upright) == {
        2: "left eye to the left of the right eye",
        4: "eyes closer than 10 px",
    }


def test_labels_of_one_picture_that_disagree_are_suspect(upright):
    upright.group[:] = [0, 1, 0, 3, 4, 3]  # rows 4 and 6 are of two populations
    upright.keypoints[2] = upright.keypoints[0]
    upright.keypoints[5] = 90
    upright.keypoints[5, RIGHT_EYE] = 20
    assert find_label_issues(upright) == {}
    upright.keypoints[2, NOSE, 1] += 10.5
    reason = "labels of the same picture disagree"
    assert find_label_issues(upright) == {1: reason, 3: reason}


def test_a_third_row_without_the_label_does_not_hide_that_two_disagree(upright):
    upright.group[:3] = 0
    upright.keypoints[1] = upright.keypoints[2] = upright.keypoints[0]
    upright.keypoints[1, NOSE] += 20
    upright.keypoints[2, NOSE] = np.nan
    assert set(find_label_issues(upright)) == {1, 2}


def test_account_counts_what_is_there(upright):
    upright.group[:] = [0, 1, 0, 3, 4, 4]
    upright.keypoints[2] = upright.keypoints[0]
    upright.keypoints[5] = upright.keypoints[4]
    upright.keypoints[1, LEFT_EYE] = 20, 40
    lookup = pd.DataFrame(
        {"ImageId": [1, 1, 2], "FeatureName": ["nose_tip_x", "mouth_left_corner_x", "nose_tip_x"]}
    )
    account = summarize_faces(upright, upright.select(slice(0, 2)), lookup)
    missing = account.pop("missing_labels")
    assert account == {
        "training_rows": 6,
        "complete_rows": 4,
        "rows_by_population": {"A": 4, "B": 2},
        "distinct_pictures": 4,
        "pictures_that_repeat": 2,
        "test_pictures": 2,
        "requested_values": 3,
        "requested_values_by_population": {"A": 2, "B": 1},
        "label_issues": [{"row": 2, "reason": "left eye to the left of the right eye"}],
    }
    assert missing == {n: 0 if n in POPULATION_B_POINTS else 2 for n in KEYPOINTS}
    assert json.loads(json.dumps(account)) == account


def test_sheet_shows_both_populations_and_the_suspects(make_faces):
    faces = make_faces(12, of_b=3)
    account = {"label_issues": [{"row": 2, "reason": "x"}]}
    titles = [axis.get_title() for axis in draw_face_grid(faces, account).axes]
    assert [title for title in titles if title.startswith("A")][:2] == ["A, row 1", "A, row 2"]
    assert "B, row 12" in titles
    assert "row 2: suspect" in titles


def test_sheet_of_one_population_alone(make_faces):
    figure = draw_face_grid(make_faces(2), {"label_issues": []})
    assert [axis.get_title() for axis in figure.axes] == ["A, row 1", "A, row 2"]
