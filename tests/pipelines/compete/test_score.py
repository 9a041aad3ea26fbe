import numpy as np
import pandas as pd
import pytest
from parameters import section

from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import KEYPOINTS
from facial_keypoints.models.heads import NUM_HEADS
from facial_keypoints.parameters import CompetitionParameters
from facial_keypoints.pipelines.compete.records import FirstStage, Folds, Members
from facial_keypoints.pipelines.compete.score import (
    audit_labels_again,
    estimate_score,
    predict_test,
)

NOSE, LIP = KEYPOINTS.index("nose_tip"), KEYPOINTS.index("mouth_center_bottom_lip")


def members_of(held_out, predictions, tests):
    """Members of which only the predictions matter."""
    count = len(held_out)
    none = np.zeros(count)
    return Members(
        test_predictions=np.asarray(tests, np.float32),
        predictions=predictions,
        held_out=np.asarray(held_out),
        mirror_bias=np.zeros((NUM_HEADS, 2), np.float32),
        weights=[[] for _ in held_out],
        histories=[[] for _ in held_out],
        epochs=none,
        steps=none,
        samples=none,
        seconds=none,
        precisions=np.array(["float32"] * count),
        fingerprints=np.array(["a"] * count),
    )


def first_stage_of(predictions):
    return FirstStage(predictions.astype(np.float32), [[], []], np.array(["b", "c"]))


def issues_of(rows, points):
    return pd.DataFrame({"row": rows, "point": points, "flagged": True})


@pytest.fixture
def known_by_heart(make_faces):
    """Forty faces, of which the nose is flagged in rows 5 and 11, and the lip as wrong in row 11.

    Two members hold out folds 1 and 0, and predict exactly what they were trained on.
    """
    faces = make_faces(40)
    truth = faces.keypoints.copy()
    wrong = truth.copy()
    wrong[[5, 11], NOSE] += 25
    wrong[11, LIP] += 25
    fold = (np.arange(40) % 10).astype(np.int8)
    predictions = np.full((2, 40, NUM_HEADS, 2), np.nan, np.float32)
    for member, held_out in enumerate((1, 0)):
        rows = np.flatnonzero((fold == held_out) | np.isin(np.arange(40), [5, 11]))
        predictions[member, rows, :15] = truth[rows]
        predictions[member, rows, 15:] = 48
    # the first-stage model that the second member continues was trained on rows 5 and 11
    predictions[1, [5, 11], :15] = wrong[[5, 11]]
    labelled = FaceSet(**{**faces.arrays(), "keypoints": wrong})
    first = first_stage_of(truth + np.random.default_rng(0).normal(0, 0.5, truth.shape))
    folds = Folds(fold, np.arange(40, dtype=np.int32))
    members = members_of([1, 0], predictions, np.zeros((2, 1, NUM_HEADS, 2)))
    return labelled, folds, first, issues_of([6, 12], "nose_tip"), members


def test_members_do_not_audit_labels_that_they_were_trained_on(known_by_heart):
    issues = audit_labels_again(*known_by_heart)
    flagged = issues[issues["flagged"]]
    assert set(zip(flagged["index"], flagged["point"], strict=True)) == {
        (5, "nose_tip"),
        (11, "nose_tip"),
        (11, "mouth_center_bottom_lip"),
    }


def test_members_clear_a_label_that_the_first_stage_flagged(known_by_heart):
    faces, folds, first, first_issues, members = known_by_heart
    members.predictions[0, 5, NOSE] = faces.keypoints[5, NOSE]
    issues = audit_labels_again(faces, folds, first, first_issues, members)
    assert 5 not in set(issues["index"])


def test_first_stage_audits_labels_without_a_members_prediction(known_by_heart):
    faces, folds, first, first_issues, members = known_by_heart
    members.predictions[0, 5] = np.nan
    issues = audit_labels_again(faces, folds, first, first_issues, members)
    assert 5 in set(issues["index"])


LOOKUP_ROWS = 60


@pytest.fixture
def scored():
    """Faces, test faces and lookup; predictions of members whose error is a known one."""

    def make(deviation=1.0, first=2.0, count=300, seed=0):
        random = np.random.default_rng(seed)
        mean = random.uniform(25, 70, (15, 2))
        faces = faces_around(mean, count, random)
        tests = faces_around(mean, LOOKUP_ROWS, random)
        lookup = pd.DataFrame(
            [
                {"RowId": 30 * i + j, "ImageId": i + 1, "FeatureName": f"{name}_{axis}"}
                for i in range(LOOKUP_ROWS)
                for j, (name, axis) in enumerate((n, a) for n in KEYPOINTS for a in "xy")
            ]
        )
        fold = (np.arange(count) % 10).astype(np.int8)
        folds = Folds(fold, np.arange(count, dtype=np.int32))
        predictions = np.full((2, count, NUM_HEADS, 2), np.nan, np.float32)
        for member, held_out in enumerate((1, 0)):
            rows = fold == held_out
            predictions[member, rows] = 48
            noise = random.normal(0, deviation, (rows.sum(), 15, 2))
            predictions[member, rows, :15] = faces.keypoints[rows] + noise
        of_tests = np.full((2, LOOKUP_ROWS, NUM_HEADS, 2), 48.0)
        noise = random.normal(0, deviation, (2, LOOKUP_ROWS, 15, 2))
        of_tests[:, :, :15] = tests.keypoints + noise
        stage = first_stage_of(faces.keypoints + random.normal(0, first, faces.keypoints.shape))
        return faces, tests, lookup, folds, stage, members_of([1, 0], predictions, of_tests)

    return make


def faces_around(mean, count, random):
    keypoints = (mean + random.normal(0, 4, (count, 15, 2))).astype(np.float32)
    return FaceSet(
        images=np.zeros((count, 96, 96), np.uint8),
        keypoints=keypoints,
        labelled=np.ones((count, 15), bool),
        group=np.arange(1, count + 1, dtype=np.int32),  # ImageIds, where they are test images
        population=np.zeros(count, np.int8),
        augmented=np.zeros(count, bool),
    )


NO_ISSUES = issues_of([], []).astype({"flagged": bool})


def estimate(*arguments):
    """Return the estimate; the last argument is the seed."""
    *inputs, seed = arguments
    return estimate_score(*inputs, section(CompetitionParameters, seed=seed))


def test_estimate_is_close_to_the_true_score(scored):
    """Two members with independent errors of 1 px: their mean has one of 0.71 px."""
    faces, tests, lookup, folds, first, members = scored()
    found = estimate(faces, tests, lookup, folds, first, members, NO_ISSUES, 0)
    points = predict_test(faces, tests, members, NO_ISSUES, found)
    score = np.sqrt(np.mean((points - tests.keypoints) ** 2))
    interval = found.without_label_issues["leaderboard"]
    assert score == pytest.approx(np.sqrt(0.5), rel=0.05)
    assert interval.rmse == pytest.approx(score, rel=0.1)
    assert interval.low < score < interval.high
    assert found.predicted_by == {"A": "ensemble"}
    assert found.averaging_gain["A"] == pytest.approx(0.5, rel=0.1)
    assert found.members == 2


def test_label_issues_count_in_one_of_the_two_estimates(scored):
    faces, *others, members = scored()
    faces.keypoints[0] += 60  # in a fold that a member holds out
    issues = issues_of([1], "whole")
    found = estimate(faces, *others, members, issues, 0)
    assert found.without_label_issues["A"].rmse < 1
    assert found.with_label_issues["A"].rmse > 3


def test_same_seed_gives_the_same_intervals(scored):
    first, same, other = (estimate(*scored(), NO_ISSUES, seed) for seed in (3, 3, 4))
    assert first == same
    assert first != other


def test_mean_face_predicts_where_models_are_worse(scored, caplog):
    faces, tests, lookup, folds, first, members = scored(deviation=30.0, first=30.0)
    found = estimate(faces, tests, lookup, folds, first, members, NO_ISSUES, 0)
    assert found.predicted_by == {"A": "mean face", "B": "mean face"}
    assert "Population A: predicting the mean of its labels (RMSE" in caplog.text
    points = predict_test(faces, tests, members, NO_ISSUES, found)
    np.testing.assert_allclose(points, points[:1].repeat(len(points), axis=0))
    np.testing.assert_allclose(points[0], faces.keypoints.mean(axis=0), atol=0.01)
    assert found.without_label_issues["A"].rmse == pytest.approx(4, rel=0.1)


def test_mean_face_is_without_label_issues(scored):
    faces, tests, lookup, folds, first, members = scored(deviation=30.0, first=30.0)
    clean = faces.keypoints.mean(axis=0)
    faces.keypoints[7] = 5.0
    issues = issues_of([8], "whole")
    found = estimate(faces, tests, lookup, folds, first, members, issues, 0)
    points = predict_test(faces, tests, members, issues, found)
    np.testing.assert_allclose(points[0], clean, atol=0.1)


def test_keypoints_without_labels_are_reported(make_faces, caplog, scored):
    *_, members = scored(count=40)
    faces, tests = make_faces(40), make_faces(LOOKUP_ROWS, of_b=4)
    faces.keypoints[:, NOSE], faces.labelled[:, NOSE] = np.nan, False
    found = estimate(*scored(count=40), NO_ISSUES, 0)
    caplog.clear()
    points = predict_test(faces, tests, members, NO_ISSUES, found)
    assert np.isfinite(points).all()
    assert "population A request nose_tip, of which training.csv has no label" in caplog.text
    assert "population B request left_eye_center, right_eye_center, mouth" in caplog.text
