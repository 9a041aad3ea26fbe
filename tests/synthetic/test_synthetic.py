"""The drawn competition: Kaggle's layout, known points, and what is wrong with it on purpose."""

import zipfile
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from facial_keypoints.archive.competition import MEMBERS, CompetitionArchive
from facial_keypoints.keypoints import (
    COORDINATE_COLUMNS,
    KEYPOINTS,
    LEFT_EYE,
    POPULATION_B_INDEX,
    RIGHT_EYE,
    SWAP_INDEX,
)
from facial_keypoints.synthetic import (
    competition,
    list_wrong_labels,
    make_answer_key,
    rows,
    write_archive,
)
from facial_keypoints.synthetic.canvas import SIDE, SUPERSAMPLING
from facial_keypoints.synthetic.features import draw_looks, paint_eyes
from facial_keypoints.synthetic.geometry import points

TRAIN, TEST, SEED = 60, 20, 7


def read(path, csv):
    with CompetitionArchive(path).open(csv) as table:
        return pd.read_csv(table)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("drawn") / "competition.zip"
    write_archive(path, TRAIN, TEST, SEED)
    return path


@pytest.fixture(scope="module")
def training(path):
    return read(path, "training.csv")


def planned(population, count, seed=0):
    keys = [(rows.TRAIN, population, i) for i in range(count)]
    return keys, [rows.plan(seed, key) for key in keys]


def test_archive_has_kaggles_layout(path, training):
    CompetitionArchive(path).check()
    with zipfile.ZipFile(path) as archive:
        assert tuple(archive.namelist()) == MEMBERS
    assert list(training.columns) == [*COORDINATE_COLUMNS, "Image"]
    assert len(training) == TRAIN
    test = read(path, "test.csv")
    assert list(test.columns) == ["ImageId", "Image"]
    assert list(test["ImageId"]) == list(range(1, TEST + 1))
    for picture in (*training["Image"].head(20), *test["Image"].head(20)):
        values = np.array(picture.split(" "), dtype=int)
        assert values.shape == (96 * 96,)
        assert 0 <= values.min() <= values.max() <= 255
        assert values.std() > 4  # something is on it


def test_lookup_sample_and_answer_key_are_aligned(path):
    lookup, sample = read(path, "IdLookupTable.csv"), read(path, "SampleSubmission.csv")
    key = make_answer_key(TRAIN, TEST, SEED)
    assert list(lookup.columns) == ["RowId", "ImageId", "FeatureName", "Location"]
    assert list(sample.columns) == ["RowId", "Location"]
    assert list(key.columns) == ["RowId", "Location"]
    expected = list(range(1, len(lookup) + 1))
    assert list(lookup["RowId"]) == list(sample["RowId"]) == list(key["RowId"]) == expected
    assert lookup["ImageId"].is_monotonic_increasing
    assert set(lookup["ImageId"]) == set(range(1, TEST + 1))
    assert lookup["Location"].isna().all()
    assert (sample["Location"] == 0).all()
    assert key["Location"].between(0, 96, inclusive="neither").all()
    order = lookup["FeatureName"].map(COORDINATE_COLUMNS.index)
    assert (order.diff()[lookup["ImageId"].diff() == 0] > 0).all()


def test_two_populations_in_order(path, training):
    of_a = rows.split_sizes(rows.TRAIN, TRAIN)[0]
    assert abs(of_a / TRAIN - 2284 / 7049) < 0.01
    count = training[list(COORDINATE_COLUMNS)].notna().sum(axis=1)
    assert (count[of_a:] <= 8).all()
    assert count[of_a:].mode().item() == 8
    assert count[:of_a].mode().item() == 30
    asked = read(path, "IdLookupTable.csv").groupby("ImageId").size()
    assert asked.iloc[: rows.split_sizes(rows.TEST, TEST)[0]].mode().item() == 30
    assert asked.iloc[rows.split_sizes(rows.TEST, TEST)[0] :].mode().item() == 8


def test_b_places_nose_tip_lower_and_lower_lip_higher():
    faces = [rows.head(0, (rows.TRAIN, rows.A, i)) for i in range(200)]
    moved = np.mean([points(face, rows.B) - points(face, rows.A) for face in faces], axis=0)
    nose, lip = KEYPOINTS.index("nose_tip"), KEYPOINTS.index("mouth_center_bottom_lip")
    assert 5 < moved[nose, 1] < 10
    assert -7 < moved[lip, 1] < -3
    others = [i for i in range(len(KEYPOINTS)) if i not in (nose, lip)]
    np.testing.assert_array_equal(moved[others], 0)


def test_left_is_the_larger_x_and_faces_are_upright():
    for i in range(300):
        placed = points(rows.head(0, (rows.TRAIN, rows.A, i)), rows.A)
        for point, partner in enumerate(SWAP_INDEX):
            if KEYPOINTS[point].startswith("left") or "_left_" in KEYPOINTS[point]:
                assert placed[point, 0] > placed[partner, 0]
        nose, mouth = placed[KEYPOINTS.index("nose_tip")], placed[-2]
        assert max(placed[LEFT_EYE, 1], placed[RIGHT_EYE, 1]) < nose[1] < mouth[1]


def test_equal_arguments_give_equal_bytes(path, tmp_path):
    again = tmp_path / "again.zip"
    write_archive(again, TRAIN, TEST, SEED)
    assert again.read_bytes() == path.read_bytes()
    write_archive(again, 20, 4, SEED + 1)
    other = read(again, "training.csv")
    assert other["Image"][0] != read(path, "training.csv")["Image"][0]


def test_processes_draw_the_same_as_one(path, tmp_path, monkeypatch):
    monkeypatch.setattr(competition, "_WORTH_PROCESSES", 1)
    monkeypatch.setattr(competition, "_WAITING", 32)
    many = tmp_path / "many.zip"
    write_archive(many, TRAIN, TEST, SEED)
    assert many.read_bytes() == path.read_bytes()


def test_faces_do_not_depend_on_how_many_there_are(training, tmp_path):
    few = tmp_path / "few.zip"
    write_archive(few, 25, 5, SEED)
    small = read(few, "training.csv")
    of_a, of_b = rows.split_sizes(rows.TRAIN, 25)
    large_a = rows.split_sizes(rows.TRAIN, TRAIN)[0]
    pd.testing.assert_frame_equal(small[:of_a], training[:of_a])
    pd.testing.assert_frame_equal(
        small[of_a:].reset_index(drop=True),
        training[large_a : large_a + of_b].reset_index(drop=True),
    )


def test_the_smallest_competition_has_all_it_needs(tmp_path):
    path = tmp_path / "smallest.zip"
    for seed in range(3):
        write_archive(path, 20, 4, seed)
        CompetitionArchive(path).check()
        training, lookup = read(path, "training.csv"), read(path, "IdLookupTable.csv")
        count = training[list(COORDINATE_COLUMNS)].notna().sum(axis=1)
        assert (count == 30).sum() >= 3
        assert (count == 8).sum() >= 3
        asked = lookup.groupby("ImageId").size()
        assert len(asked) == 4
        assert asked.iloc[0] > 8
        assert asked.iloc[-1] <= 8
        assert list_wrong_labels(20, 4, seed).columns.tolist() == ["row", "kind"]


def test_some_labels_are_missing():
    _, of_a = planned(rows.A, 2000)
    _, of_b = planned(rows.B, 2000)
    assert 0.04 < np.mean([bool(row.missing) for row in of_a]) < 0.09
    assert 0 < np.mean([bool(row.missing) for row in of_b]) < 0.01
    truth = rows.true_points(0, (rows.TRAIN, rows.B, 5), rows.plan(0, (rows.TRAIN, rows.B, 5)))
    assert tuple(np.flatnonzero(np.isfinite(truth).all(axis=1))) == tuple(
        sorted(POPULATION_B_INDEX)
    )


def test_duplicates_repeat_a_picture_with_other_labels():
    repeated = []
    for population in (rows.A, rows.B):
        keys, rows_ = planned(population, 2000)
        repeated += [(k, r) for k, r in zip(keys, rows_, strict=True) if r.face != k]
    assert 0.012 < len(repeated) / 4000 < 0.03
    assert any(row.face[1] != key[1] for key, row in repeated)  # across the border of A and B
    for key, row in repeated:
        assert row.face[1] < key[1] or row.face[2] < key[2]
    key, row = next((k, r) for k, r in repeated if not r.missing and r.wrong is None)
    np.testing.assert_array_equal(competition.picture(0, key), competition.picture(0, row.face))
    twice = rows.labels(0, key, row), rows.labels(0, row.face, rows.plan(0, row.face))
    distance = np.linalg.norm(twice[0] - twice[1], axis=1)
    assert np.nanmax(distance) > 0
    # every picture that B repeats from A exists, however many faces there are
    for faces in (20, 21, 50, 333, 7049):
        keys = set(rows.keys(rows.TRAIN, faces))
        assert all(rows.plan(0, key).face in keys for key in keys)


def test_labels_carry_jitter_and_the_listed_rows_are_wrong():
    faces = 4000
    wrong = list_wrong_labels(faces, 10, SEED).set_index("row")["kind"]
    assert set(wrong) == set(rows.WRONG_KINDS)
    assert 0.003 < len(wrong) / faces < 0.012
    for row, key in enumerate(rows.keys(rows.TRAIN, faces)):
        if row % 10 and row not in wrong.index:
            continue
        plan = rows.plan(SEED, key)
        written, truth = rows.labels(SEED, key, plan), rows.true_points(SEED, key, plan)
        known = written[np.isfinite(written)]
        assert ((known > 0) & (known < 96)).all()
        error = np.nanmax(np.linalg.norm(written - truth, axis=1))
        assert error > 4 if row in wrong.index else error < 3.5


def test_mean_predictor_scores_as_on_kaggle():
    keys = rows.keys(rows.TRAIN, 1000)
    labels = np.array([rows.labels(SEED, key, rows.plan(SEED, key)) for key in keys])
    mean = dict(zip(COORDINATE_COLUMNS, np.nanmean(labels, axis=0).ravel(), strict=True))
    asked = competition._asked(300, SEED)
    guess = asked["FeatureName"].map(mean)
    assert 3 < np.sqrt(np.mean((guess - asked["Location"]) ** 2)) < 5
    assert abs(mean["left_eye_center_x"] - 66) < 1.5
    assert abs(mean["right_eye_center_x"] - 30) < 1.5
    assert abs(mean["left_eye_center_y"] - 37.5) < 1.5


def test_pupils_are_painted_where_the_labels_say():
    """The darkness of a frontal face's open eye has its middle under the label."""
    errors = []
    for i in range(20):
        rng = np.random.default_rng(i)
        # Wide open, so that no lid covers a part of the iris.
        wide_open = {"eye_closing": 0.0, "eye_opening": 20.0, "smile": 0.0, "gaze": (0.4, 0.2)}
        head = rows.head(0, (rows.TRAIN, rows.A, i))
        head = replace(head, yaw=0.0, pitch=0.0, **wide_open)
        looks = replace(draw_looks(rng), sclera=0.9, iris=0.2, lashes=0.0, skin=0.8)
        canvas = np.full((SIDE, SIDE), 0.9, np.float32)
        paint_eyes(canvas, head, looks)
        blocks = canvas.reshape(96, SUPERSAMPLING, 96, SUPERSAMPLING).mean(axis=(1, 3))
        placed = points(head, rows.A)
        for eye in (LEFT_EYE, RIGHT_EYE):
            y, x = np.mgrid[:96, :96] + 0.5
            near = np.hypot(x - placed[eye, 0], y - placed[eye, 1]) < 5
            dark = np.where(near, np.clip(0.5 - blocks, 0, None), 0)
            middle = np.array([(dark * x).sum(), (dark * y).sum()]) / dark.sum()
            errors.append(middle - placed[eye])
    assert np.abs(np.mean(errors, axis=0)).max() < 0.1  # no bias: pixel edges, not centres
    assert np.linalg.norm(errors, axis=1).max() < 0.3


def test_the_face_is_lit_where_its_points_are():
    """Rays cast at the picture meet the face in the points that are projected there."""
    for i in range(10):
        head = rows.head(0, (rows.TRAIN, rows.A, i))
        xy = np.array([[0.0, head.nose_y], [-18.0, 0.0], [18.0, 0.0], [0.0, 39.0], [-14.0, 38.0]])
        placed = head.project(xy).astype(np.float32)
        hit, inside = head.cast(placed[:, :1], placed[:, 1:])
        turned = max(abs(head.yaw), abs(head.pitch))
        assert (inside > 0).all()
        error = np.hypot(hit[0][:, 0] - xy[:, 0], hit[1][:, 0] - xy[:, 1])
        assert error.max() < (0.3 if turned < 0.15 else 3.0)
