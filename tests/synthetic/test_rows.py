"""The rows: populations, missing labels, duplicates, label noise and wrong labels."""

import numpy as np
import pytest

from facial_keypoints.keypoints import COORDINATE_COLUMNS, POPULATION_B_INDEX
from facial_keypoints.synthetic.rows import EXTRA, TEST, TRAIN, WRONG_KINDS, A, B, Row, table_rows

SEED = 7


@pytest.fixture(scope="module")
def rows():
    return {
        population: [Row(0, TRAIN, population, i) for i in range(2000)] for population in (A, B)
    }


@pytest.mark.parametrize(("split", "fraction"), [(TRAIN, 2284 / 7049), (TEST, 591 / 1783)])
def test_populations_have_kaggles_fractions(split, fraction):
    populations = [row.population for row in table_rows(SEED, split, 2000)]
    assert populations == sorted(populations)
    assert populations.count(A) / 2000 == pytest.approx(fraction, abs=0.001)


def test_the_smallest_table_has_both_populations():
    assert [row.population for row in table_rows(SEED, TRAIN, 2)] == [A, B]


@pytest.mark.parametrize("seed", range(3))
def test_the_smallest_competition_has_complete_rows_of_both_populations(seed):
    training = [row.labels() for row in table_rows(seed, TRAIN, 20)]
    known = [np.isfinite(labels).sum() for labels in training]
    assert known.count(30) >= 3
    assert known.count(8) >= 3
    known = [np.isfinite(row.true_keypoints()).sum() for row in table_rows(seed, TEST, 4)]
    assert known[0] > 8
    assert 0 < known[-1] <= 8


def test_population_b_has_four_keypoints():
    known = np.isfinite(Row(0, TRAIN, B, 5).true_keypoints()).all(axis=1)
    assert set(np.flatnonzero(known)) == set(POPULATION_B_INDEX)


@pytest.mark.parametrize(("population", "low", "high"), [(A, 0.04, 0.09), (B, 0.0005, 0.01)])
def test_some_labels_are_missing(rows, population, low, high):
    missing = [row for row in rows[population] if row._plan[2]]
    assert low < len(missing) / len(rows[population]) < high
    for row in missing[:20]:
        assert np.isnan(row.true_keypoints()[row._plan[2]]).all()
        assert np.isfinite(row.true_keypoints()).any()


def test_the_first_training_rows_are_clean(rows):
    for row in (*rows[A][:3], *rows[B][:3]):
        assert row.face is row
        assert row.wrong is None
        assert not row._plan[2]


def test_duplicates_repeat_an_earlier_row(rows):
    repeated = [row for row in rows[A] + rows[B] if row.face != row]
    assert 0.012 < len(repeated) / 4000 < 0.03
    assert any(row.face.population != row.population for row in repeated)
    for row in repeated:
        assert row.face.population < row.population or row.face.index < row.index
        assert row.face.face == row.face


def test_duplicates_have_the_same_image_and_other_labels(rows):
    row = next(r for r in rows[A] if r.face != r and r.wrong is None)
    np.testing.assert_array_equal(row.render(), row.face.render())
    assert np.nanmax(np.abs(row.labels() - row.face.labels())) > 0


@pytest.mark.parametrize("count", [20, 21, 50, 333, 7049])
def test_duplicates_repeat_a_row_of_the_same_table(count):
    table = table_rows(0, TRAIN, count)
    assert {row.face for row in table} <= set(table)


def test_labels_carry_noise_of_half_a_pixel(rows):
    clean = [row for row in rows[A][:150] if row.wrong is None]
    errors = np.array([row.labels() - row.true_keypoints() for row in clean])
    assert np.nanstd(errors) == pytest.approx(0.5, abs=0.02)
    assert np.nanmax(np.abs(errors)) < 3.5


def test_wrong_labels_are_plainly_wrong_and_inside_the_image():
    wrong = [row for row in table_rows(SEED, TRAIN, 4000) if row.wrong is not None]
    assert {row.wrong for row in wrong} == set(WRONG_KINDS)
    assert 0.003 < len(wrong) / 4000 < 0.012
    for row in wrong:
        labels = row.labels()
        known = labels[np.isfinite(labels)]
        assert ((known > 0) & (known < 96)).all()
        assert np.nanmax(np.linalg.norm(labels - row.true_keypoints(), axis=1)) > 4


def test_test_and_extra_rows_repeat_nothing():
    for split in (TEST, EXTRA):
        assert all(Row(0, split, B, i).face.index == i for i in range(300))


def test_the_mean_face_scores_as_on_kaggle():
    labels = np.array([row.labels() for row in table_rows(SEED, TRAIN, 400)])
    truth = np.array([row.true_keypoints() for row in table_rows(SEED, TEST, 150)])
    mean = np.nanmean(labels, axis=0)
    assert 3 < np.sqrt(np.nanmean((truth - mean) ** 2)) < 5
    at = dict(zip(COORDINATE_COLUMNS, mean.ravel(), strict=True))
    assert at["left_eye_center_x"] == pytest.approx(66, abs=1.5)
    assert at["right_eye_center_x"] == pytest.approx(30, abs=1.5)
    assert at["left_eye_center_y"] == pytest.approx(37.5, abs=1.5)
