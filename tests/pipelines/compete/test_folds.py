import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from facial_keypoints.errors import InputError
from facial_keypoints.faces import FaceSet
from facial_keypoints.pipelines.compete.folds import NUM_FOLDS, fold_faces, group_faces


def changed(faces, **arrays):
    return FaceSet(**{**faces.arrays(), **arrays})


def textured(faces, seed=0):
    """Return the faces with smooth random images, which rotation leaves recognisable."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 256, (len(faces), 8, 8), dtype=np.uint8)
    images = np.stack([cv2.resize(c, (96, 96), interpolation=cv2.INTER_CUBIC) for c in coarse])
    keypoints = faces.keypoints.copy()
    keypoints[:, 0], keypoints[:, 1] = (64, 38), (32, 38)
    return changed(faces, images=images, keypoints=keypoints)


def test_folds_are_equal_in_size_and_populations(make_faces):
    faces = textured(make_faces(200, of_b=120))
    folds = fold_faces(faces, np.arange(200, dtype=np.int32), seed=0)
    assert np.bincount(folds).tolist() == [20] * NUM_FOLDS
    assert np.bincount(folds[faces.population == 0]).tolist() == [8] * NUM_FOLDS


def test_another_crop_of_a_photograph_is_in_the_same_group(make_faces):
    faces = textured(make_faces(40))
    rotation = cv2.getRotationMatrix2D((47.5, 47.5), 8, 1.1)
    images, keypoints = faces.images.copy(), faces.keypoints.copy()
    images[31] = cv2.warpAffine(images[7], rotation, (96, 96), borderMode=cv2.BORDER_REPLICATE)
    keypoints[31] = (keypoints[7] - 0.5) @ rotation[:, :2].T + rotation[:, 2] + 0.5
    groups = group_faces(changed(faces, images=images, keypoints=keypoints.astype(np.float32)))
    assert groups[31] == groups[7]
    assert len(np.unique(groups)) == 39


def test_identical_images_share_a_fold_without_any_label(make_faces):
    faces = make_faces(12)
    source = np.array([0, 1, 2, 3, 0, 5, 6, 7, 8, 1, 10, 11], np.int32)
    empty = np.full_like(faces.keypoints, np.nan)
    faces = changed(faces, group=source, keypoints=empty, labelled=np.zeros((12, 15), bool))
    groups = group_faces(faces)
    assert groups[4] == groups[0]
    assert groups[9] == groups[1]
    folds = fold_faces(faces, groups, seed=3)
    assert folds[4] == folds[0]
    assert folds[9] == folds[1]


def test_images_that_all_look_alike_are_separate_groups(make_faces):
    faces = textured(make_faces(60))
    same = np.broadcast_to(faces.images[:1], faces.images.shape).copy()
    assert len(np.unique(group_faces(changed(faces, images=same)))) == 60


@pytest.mark.parametrize(("rows", "folds"), [(2, 2), (5, 4), (9, 8), (50, 10)])
def test_few_faces_make_fewer_folds(make_faces, rows, folds):
    folds_of_rows = fold_faces(make_faces(rows), np.arange(rows, dtype=np.int32), seed=0)
    assert set(folds_of_rows.tolist()) == set(range(folds))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30)), min_size=2, max_size=40))
def test_any_populations_and_photographs_have_two_halves(make_faces, rows):
    population, photograph = (np.array(column) for column in zip(*rows, strict=True))
    groups = photograph.astype(np.int32)
    assume(len(np.unique(groups)) > 1)
    faces = changed(make_faces(len(rows)), population=population.astype(np.int8))
    folds = fold_faces(faces, groups, seed=0)
    assert set(folds % 2) == {0, 1}
    assert len(set(zip(groups, folds, strict=True))) == len(np.unique(groups))
    assert set(folds) == set(range(folds.max() + 1))
    assert folds.max() % 2 == 1


def test_no_fold_is_empty_where_one_group_is_large(make_faces):
    population = np.array([1, 0, 0, 1, 1, 1, 1, 0, 1], np.int8)
    groups = np.array([2, 3, 1, 5, 1, 1, 5, 1, 2], np.int32)
    faces = changed(make_faces(9), population=population)
    assert set(fold_faces(faces, groups, seed=0)) == {0, 1}


def test_single_face_cannot_be_split(make_faces):
    with pytest.raises(InputError, match=r"3 rows of 1 different face"):
        fold_faces(make_faces(3), np.zeros(3, np.int32), seed=0)
