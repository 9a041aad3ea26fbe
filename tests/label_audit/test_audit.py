import numpy as np
import pytest

from facial_keypoints.keypoints import KEYPOINTS, POPULATION_B_INDEX, SWAP_INDEX
from facial_keypoints.label_audit.audit import (
    WHOLE,
    audit_faces,
    audit_labels,
    explain,
    flagged_keypoints,
    keypoint_indices,
)
from facial_keypoints.synthetic import list_wrong_labels
from facial_keypoints.synthetic.rows import TRAIN, table_rows

FACES = 4000


@pytest.fixture(scope="module")
def synthetic():
    """Labels of the synthetic competition, predictions and populations.

    Predictions lie at the true positions but for an error that is larger for some faces and for
    some keypoints (1.3 px RMSE in all).
    """
    generator = np.random.default_rng(0)
    rows = table_rows(0, TRAIN, FACES)
    labels = np.array([row.labels() for row in rows], np.float32)
    truth = np.array([row.true_keypoints() for row in rows], np.float32)
    hard = 0.8 * np.exp(generator.normal(0, 0.5, (FACES, 1, 1)))
    vague = np.exp(generator.normal(0, 0.4, (1, 15, 1)))
    predicted = truth + hard * vague * generator.normal(size=truth.shape)
    population = (~np.isfinite(np.delete(labels, POPULATION_B_INDEX, 1)).any((1, 2))).astype(int)
    return labels, predicted.astype(np.float32), population


@pytest.mark.slow  # thousands of faces are posed
def test_wrong_rows_of_the_synthetic_competition_are_found(synthetic):
    labels, predicted, population = synthetic
    wrong = set(list_wrong_labels(FACES, 0)["row"])
    table = audit_labels(labels, predicted, population)
    flagged = set(table[table["flagged"]]["index"])
    assert len(wrong) >= 15
    assert len(flagged & wrong) >= 0.8 * len(wrong)  # some are off by less than the predictions
    assert len(flagged & wrong) >= 0.9 * len(flagged)
    best = list(dict.fromkeys(table["index"]))[: len(wrong)]
    assert len(set(best) & wrong) >= 0.9 * len(wrong)


@pytest.fixture
def one_face():
    generator = np.random.default_rng(1)
    mean = generator.uniform(25, 70, (1, 15, 2))
    truth = (mean + generator.normal(0, 3, (200, 15, 2))).astype(np.float32)
    return truth, (truth + generator.normal(0, 1, truth.shape)).astype(np.float32)


CHANGES = {
    "shifted by +14, -9 px": lambda points: points + np.array([14, -9]),
    "left and right swapped": lambda points: points[list(SWAP_INDEX)],
    "x and y swapped": lambda points: points[:, ::-1],
    "mirrored": lambda points: (np.array([96, 0]) + points * [-1, 1])[list(SWAP_INDEX)],
    "rotated by 180 degrees": lambda points: 96 - points,
    "upside down": lambda points: np.array([0, 96]) + points * [1, -1],
    "all keypoints in one place": lambda points: 50 + (points - 48) / 20,
}


@pytest.mark.parametrize("reason", CHANGES)
def test_change_of_a_row_is_explained(one_face, reason):
    labels, predicted = one_face
    labels = labels.copy()
    labels[40] = CHANGES[reason](labels[40])
    table = audit_labels(labels, predicted, np.zeros(200, int))
    first = table.iloc[0]
    assert (first["row"], first["point"], first["flagged"]) == (41, WHOLE, True)
    assert first["reason"].startswith(reason.split(" by ")[0])
    assert table["flagged"].sum() == 1


def test_one_wrong_keypoint_is_listed_with_its_positions(one_face):
    labels, predicted = one_face
    labels = labels.copy()
    labels[7, 10] += [0, 22]
    table = audit_labels(labels, predicted, np.zeros(200, int))
    first = table.iloc[0]
    assert (first["row"], first["point"], first["flagged"]) == (8, "nose_tip", True)
    assert first["distance"] == pytest.approx(22, abs=4)
    assert first["label_y"] == labels[7, 10, 1]
    assert first["predicted_x"] == predicted[7, 10, 0]
    assert table["flagged"].sum() == 1
    assert keypoint_indices("nose_tip") == [10]


def test_difficult_face_is_no_label_issue(one_face):
    labels, predicted = one_face
    predicted = predicted.copy()
    generator = np.random.default_rng(2)
    predicted[9] += generator.normal(0, 3.5, (15, 2))
    assert not audit_labels(labels, predicted, np.zeros(200, int))["flagged"].any()


def test_bad_model_does_not_widen_the_limits_of_another(one_face):
    labels, predicted = one_face
    labels, predicted = labels.copy(), predicted.copy()
    labels[40] = CHANGES["left and right swapped"](labels[40])
    predicted[100:] += np.random.default_rng(3).normal(0, 20, (100, 15, 2))
    together = audit_labels(labels, predicted, np.zeros(200, int))
    assert not together["flagged"].any()
    table = audit_labels(labels, predicted, np.repeat([0, 1], 100))
    assert table.loc[table["flagged"], "row"].tolist() == [41]


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_few_rows_and_missing_predictions_are_audited(one_face, rows):
    labels, predicted = (each[:rows].copy() for each in one_face)
    predicted[:1] = np.nan
    assert not audit_labels(labels, predicted, np.zeros(rows, int))["flagged"].any()


def test_labels_of_another_face_are_explained_as_such():
    predicted = np.random.default_rng(0).uniform(25, 70, (15, 2))
    labels = np.random.default_rng(5).uniform(10, 86, (15, 2))
    assert explain(labels, predicted, np.arange(15)) == "labels of another face, or of none"


def test_swap_is_explained_where_partners_are_missing():
    predicted = np.random.default_rng(0).uniform(25, 70, (15, 2))
    which = np.array([0, 1, 4, 10])  # both eyes' centres, an inner corner and the nose
    labels = predicted[which][[1, 0, 2, 3]]
    assert explain(labels[:2], predicted[which[:2]], which[:2]) == "left and right swapped"


def test_flagged_keypoints_are_those_of_flagged_lines(one_face):
    labels, predicted = one_face
    labels = labels.copy()
    labels[7, 10] += [0, 22]
    labels[40] = CHANGES["upside down"](labels[40])
    issues = audit_labels(labels, predicted, np.zeros(200, int))
    flagged = flagged_keypoints(issues, 200)
    assert flagged.shape == (200, 15)
    assert np.flatnonzero(flagged.any(axis=1)).tolist() == [7, 40]
    assert np.flatnonzero(flagged[7]).tolist() == [10]
    assert flagged[40].all()
    assert not flagged_keypoints(issues[:0], 3).any()
    assert keypoint_indices(WHOLE) == list(range(15))


def test_halves_and_populations_have_limits_of_their_own(one_face, make_faces, caplog):
    labels, predicted = (each.copy() for each in one_face)
    labels[40] = CHANGES["left and right swapped"](labels[40])
    predicted[100:] += np.random.default_rng(3).normal(0, 20, (100, 15, 2))
    faces = make_faces(200)
    faces.keypoints[:] = labels
    with caplog.at_level("INFO"):
        issues = audit_faces(faces, np.repeat([0, 1], 100), predicted, "a test")
    assert issues.loc[issues["flagged"], "row"].tolist() == [41]
    assert "Label audit (a test): 1 label issue in 1 row (1 whole row)" in caplog.text


def test_table_is_sorted_by_score(one_face):
    labels, predicted = (each.copy() for each in one_face)
    labels[7, 10] += [0, 22]
    labels[8, 3] += [9, 0]
    labels[40] = CHANGES["upside down"](labels[40])
    table = audit_labels(labels, predicted, np.zeros(200, int))
    assert len(table) >= 3
    assert table["score"].is_monotonic_decreasing
    assert (table["row"] == table["index"] + 1).all()
    assert (table["flagged"] == (table["score"] >= 1)).all()
    assert set(table["point"]) <= {WHOLE, *KEYPOINTS}
