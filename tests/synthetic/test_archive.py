"""The synthetic archive: Kaggle's layout, the answer key, and equal bytes for equal arguments."""

import zipfile

import numpy as np
import pandas as pd
import pytest

from facial_keypoints.archive.competition import MEMBERS, CompetitionArchive
from facial_keypoints.keypoints import COORDINATE_COLUMNS, POPULATION_B_INDEX
from facial_keypoints.synthetic import (
    archive,
    list_wrong_labels,
    make_answer_key,
    render_faces,
    write_archive,
)
from facial_keypoints.synthetic.rows import TEST, TRAIN, WRONG_KINDS, table_rows

TRAIN_FACES, TEST_FACES, SEED = 40, 8, 7


def read(path, csv):
    with CompetitionArchive(path).open(csv) as table:
        return pd.read_csv(table)


def count_of_a(split, faces):
    return sum(row.population == 0 for row in table_rows(SEED, split, faces))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("synthetic") / "competition.zip"
    write_archive(path, TRAIN_FACES, TEST_FACES, SEED)
    return path


@pytest.fixture(scope="module")
def training(path):
    return read(path, "training.csv")


def test_archive_has_kaggles_members(path):
    CompetitionArchive(path).check()
    with zipfile.ZipFile(path) as opened:
        assert tuple(opened.namelist()) == (*MEMBERS, "SampleSubmission.csv")


def test_tables_have_kaggles_columns_and_images(path, training):
    test = read(path, "test.csv")
    assert list(training.columns) == [*COORDINATE_COLUMNS, "Image"]
    assert list(test.columns) == ["ImageId", "Image"]
    assert len(training) == TRAIN_FACES
    assert list(test["ImageId"]) == list(range(1, TEST_FACES + 1))
    for image in (*training["Image"], *test["Image"]):
        values = np.array(image.split(" "), dtype=int)
        assert values.shape == (96 * 96,)
        assert 0 <= values.min() <= values.max() <= 255
        assert values.std() > 4  # not empty


def test_lookup_sample_and_answer_key_have_the_same_rows(path):
    lookup, sample = read(path, "IdLookupTable.csv"), read(path, "SampleSubmission.csv")
    key = make_answer_key(TEST_FACES, SEED)
    assert list(lookup.columns) == ["RowId", "ImageId", "FeatureName", "Location"]
    assert list(sample.columns) == list(key.columns) == ["RowId", "Location"]
    expected = list(range(1, len(lookup) + 1))
    assert list(lookup["RowId"]) == list(sample["RowId"]) == list(key["RowId"]) == expected
    assert lookup["ImageId"].is_monotonic_increasing
    assert set(lookup["ImageId"]) == set(range(1, TEST_FACES + 1))
    assert lookup["Location"].isna().all()
    assert (sample["Location"] == 0).all()
    order = lookup["FeatureName"].map(COORDINATE_COLUMNS.index)
    assert (order.diff()[lookup["ImageId"].diff() == 0] > 0).all()


def test_answer_key_is_the_exact_truth_inside_the_image(path):
    lookup, key = read(path, "IdLookupTable.csv"), make_answer_key(TEST_FACES, SEED)
    assert key["Location"].between(0, 96, inclusive="neither").all()
    truth = np.array([row.true_keypoints().ravel() for row in table_rows(SEED, TEST, TEST_FACES)])
    column = lookup["FeatureName"].map(COORDINATE_COLUMNS.index)
    np.testing.assert_array_equal(key["Location"], truth[lookup["ImageId"] - 1, column])


@pytest.mark.parametrize(
    ("csv", "split", "count"),
    [("training.csv", TRAIN, TRAIN_FACES), ("test.csv", TEST, TEST_FACES)],
)
def test_images_and_labels_are_those_of_their_row(path, csv, split, count):
    table = read(path, csv)
    for i, row in list(enumerate(table_rows(SEED, split, count)))[::7]:
        assert table["Image"][i] == " ".join(map(str, row.render().ravel()))
        if split == TRAIN:
            labels = table.loc[i, list(COORDINATE_COLUMNS)].to_numpy(float)
            np.testing.assert_allclose(labels, row.labels().ravel(), atol=1e-6)


def test_population_a_comes_first(path, training):
    count = training[list(COORDINATE_COLUMNS)].notna().sum(axis=1)
    of_a = count_of_a(TRAIN, TRAIN_FACES)
    assert (count[of_a:] <= 8).all()
    assert count[of_a:].mode().item() == 8
    assert count[:of_a].mode().item() == 30
    requested = read(path, "IdLookupTable.csv").groupby("ImageId").size()
    of_a = count_of_a(TEST, TEST_FACES)
    assert requested.iloc[:of_a].mode().item() == 30
    assert requested.iloc[of_a:].mode().item() == 8


def test_equal_arguments_give_equal_bytes_on_one_or_many_cores(path, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "_MIN_PARALLEL", 1)
    monkeypatch.setattr(archive, "_CHUNK", 24)
    again = tmp_path / "again.zip"
    write_archive(again, TRAIN_FACES, TEST_FACES, SEED)
    assert again.read_bytes() == path.read_bytes()


def test_another_seed_gives_other_images(training, tmp_path):
    write_archive(tmp_path / "other.zip", 2, 2, SEED + 1)
    assert read(tmp_path / "other.zip", "training.csv")["Image"][0] != training["Image"][0]


def test_faces_do_not_depend_on_their_number(training, tmp_path):
    few = tmp_path / "few.zip"
    write_archive(few, 12, 2, SEED)
    small = read(few, "training.csv")
    small_a, large_a = count_of_a(TRAIN, 12), count_of_a(TRAIN, TRAIN_FACES)
    pd.testing.assert_frame_equal(small[:small_a], training[:small_a])
    pd.testing.assert_frame_equal(
        small[small_a:].reset_index(drop=True),
        training[large_a : large_a + 12 - small_a].reset_index(drop=True),
    )


def test_wrong_labels_are_listed_by_row():
    wrong = list_wrong_labels(2000, SEED)
    rows = table_rows(SEED, TRAIN, 2000)
    assert list(wrong.columns) == ["row", "kind"]
    assert set(wrong["kind"]) <= set(WRONG_KINDS)
    assert [rows[i].wrong for i in wrong["row"]] == list(wrong["kind"])
    assert len(wrong) == sum(row.wrong is not None for row in rows)


def test_no_wrong_labels_give_an_empty_table():
    assert list_wrong_labels(2, SEED).empty


@pytest.mark.parametrize("population", ["A", "B"])
def test_rendered_faces_have_exact_keypoints_of_their_population(population):
    faces = render_faces(8, SEED, population)
    assert len(faces) == 8
    assert (faces.population == "AB".index(population)).all()
    known = np.flatnonzero(faces.labelled.any(axis=0))
    assert set(known) == set(range(15) if population == "A" else POPULATION_B_INDEX)
    np.testing.assert_array_equal(faces.labelled, np.isfinite(faces.keypoints).all(axis=2))
    assert len(np.unique(faces.images, axis=0)) == 8


def test_rendered_faces_do_not_depend_on_their_number():
    few, many = render_faces(2, SEED), render_faces(5, SEED)
    np.testing.assert_array_equal(few.images, many.images[:2])
    np.testing.assert_array_equal(few.keypoints, many.keypoints[:2])


def test_rendered_faces_are_in_no_archive(training):
    images = {" ".join(map(str, image.ravel())) for image in render_faces(5, SEED).images}
    assert not images & set(training["Image"])
