import numpy as np
import pandas as pd
import pytest
from parameters import section

from facial_keypoints.archive.competition import CompetitionArchive
from facial_keypoints.archive.data_checks import DataIssue, DataIssues
from facial_keypoints.errors import InputError
from facial_keypoints.keypoints import (
    COORDINATE_COLUMNS,
    KEYPOINTS,
    LEFT_EYE,
    POPULATION_B_POINTS,
    RIGHT_EYE,
)
from facial_keypoints.label_audit.geometry import LabelIssue
from facial_keypoints.parameters import CleanParameters
from facial_keypoints.pipelines.clean.nodes import (
    DataReport,
    draw_face_grid,
    read_faces,
    summarize_faces,
    treat_missing_labels,
)

NOSE = KEYPOINTS.index("nose_tip")


def policy(name):
    return section(CleanParameters, missing_labels=name)


def test_raises_input_error_for_tables_that_are_not_what_they_claim(
    tmp_path, make_archive, make_table, make_training_row, full_labels
):
    rows = [make_training_row(full_labels(), grey=grey) for grey in range(12)]
    table = make_table([*COORDINATE_COLUMNS, "Image"], rows)
    archive = CompetitionArchive(make_archive(tmp_path / "a.zip", training=table))
    with pytest.raises(InputError, match=r"^filled_labels: training\.csv: 180 labels"):
        read_faces(archive, section(CleanParameters))
    accepted = section(CleanParameters, accept=["filled_labels", "scaled_labels", "flat_images"])
    faces, test_faces, lookup, issues = read_faces(archive, accepted)
    assert (len(faces), len(test_faces), len(lookup)) == (12, 1, 1)
    assert {issue.check for issue in issues.found} == {*accepted.accept}


def test_mask_returns_the_faces_unchanged(make_faces):
    faces = make_faces(4, of_b=2)
    assert treat_missing_labels(faces, policy("mask")) is faces


def test_drop_keeps_complete_rows_and_their_groups(make_faces):
    kept = treat_missing_labels(make_faces(5, of_b=2), policy("drop"))
    assert kept.group.tolist() == [0, 1, 2]
    assert np.isfinite(kept.keypoints).all()


def test_raises_input_error_where_drop_leaves_no_row(make_faces):
    with pytest.raises(InputError, match="missing_labels=drop leaves no row"):
        treat_missing_labels(make_faces(3, of_b=3), policy("drop"))


def test_forward_fill_takes_the_last_known_value_and_keeps_it_unlabelled(make_faces):
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


def report_of(*issues):
    return DataReport(0, 0, {}, {}, 0, 0, 0, 0, {}, list(issues), [])


def test_report_counts_rows_images_and_values(make_faces):
    faces = make_faces(6, of_b=2)
    faces.keypoints[:, LEFT_EYE] = 65, 40
    faces.keypoints[:, RIGHT_EYE] = 35, 40
    faces.group[:] = [0, 1, 0, 3, 4, 4]
    faces.keypoints[2] = faces.keypoints[0]
    faces.keypoints[5] = faces.keypoints[4]
    faces.keypoints[1, LEFT_EYE] = 20, 40
    lookup = pd.DataFrame(
        {"ImageId": [1, 1, 2], "FeatureName": ["nose_tip_x", "mouth_left_corner_x", "nose_tip_x"]}
    )
    issues = DataIssues([DataIssue("repeated_rows", 3, "three rows", "warning")])
    assert summarize_faces(faces, faces.select(slice(0, 2)), lookup, issues) == DataReport(
        training_rows=6,
        complete_rows=4,
        rows_by_population={"A": 4, "B": 2},
        missing_labels={n: 0 if n in POPULATION_B_POINTS else 2 for n in KEYPOINTS},
        distinct_images=4,
        repeated_images=2,
        test_images=2,
        requested_values=3,
        requested_values_by_population={"A": 2, "B": 1},
        label_issues=[LabelIssue(2, "left and right eye are swapped")],
        data_issues=issues.found,
    )


def test_report_has_a_zero_for_a_missing_population(make_faces):
    lookup = pd.DataFrame({"ImageId": [1], "FeatureName": ["nose_tip_x"]})
    report = summarize_faces(make_faces(3), make_faces(1), lookup, DataIssues([]))
    assert report.rows_by_population == {"A": 3, "B": 0}


def test_grid_shows_both_populations_and_the_label_issues(make_faces):
    faces = make_faces(12, of_b=3)
    figure = draw_face_grid(faces, report_of(LabelIssue(2, "a reason")))
    titles = [axis.get_title() for axis in figure.axes]
    assert [title for title in titles if title.startswith("A")][:2] == ["A, row 1", "A, row 2"]
    assert "B, row 12" in titles
    assert "row 2: label issue" in titles


def test_grid_of_one_population(make_faces):
    figure = draw_face_grid(make_faces(2), report_of())
    assert [axis.get_title() for axis in figure.axes] == ["A, row 1", "A, row 2"]
