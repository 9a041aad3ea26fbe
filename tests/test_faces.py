import numpy as np
import pytest

from facial_keypoints.faces import FaceSet


def with_array(faces, **arrays):
    return FaceSet(**{**faces.arrays(), **arrays})


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("images", np.zeros((3, 96, 95), np.uint8)),
        ("images", np.zeros((3, 96, 96), np.float32)),
        ("keypoints", np.zeros((3, 30), np.float32)),
        ("keypoints", np.zeros((3, 15, 2), np.float64)),
        ("labelled", np.ones((3, 15), np.int8)),
        ("group", np.zeros(2, np.int32)),
        ("group", np.zeros(3, np.int64)),
        ("population", np.zeros(3, np.int32)),
        ("augmented", np.zeros((3, 1), bool)),
    ],
)
def test_raises_value_error_for_wrong_shape_or_dtype(make_faces, name, array):
    with pytest.raises(ValueError, match=rf"FaceSet\.{name} must be") as error:
        with_array(make_faces(3), **{name: array})
    assert f"not {array.dtype.name} {array.shape}" in str(error.value)


@pytest.mark.parametrize("code", [-1, 2])
def test_raises_value_error_for_unknown_population(make_faces, code):
    with pytest.raises(ValueError, match="population must index"):
        with_array(make_faces(2), population=np.array([0, code], np.int8))


def test_select_accepts_masks_positions_and_slices(make_faces):
    faces = make_faces(5)
    by_mask = faces.select(np.array([False, True, False, True, False]))
    by_position = faces.select(np.array([1, 3]))
    by_slice = faces.select(slice(1, 4, 2))
    for chosen in (by_mask, by_position, by_slice):
        assert chosen.group.tolist() == [1, 3]
        np.testing.assert_array_equal(chosen.images, faces.images[[1, 3]])
        np.testing.assert_array_equal(chosen.keypoints, faces.keypoints[[1, 3]])


def test_select_keeps_requested_order(make_faces):
    assert make_faces(4).select(np.array([3, 0, 2])).group.tolist() == [3, 0, 2]


def test_complete_ignores_filled_labels(make_faces):
    faces = make_faces(3, of_b=1)
    filled = with_array(faces, keypoints=np.ones_like(faces.keypoints))
    assert filled.complete.tolist() == [True, True, False]


def test_empty_selection_is_a_face_set(make_faces):
    empty = make_faces(3).select(np.zeros(3, bool))
    assert len(empty) == 0
    assert empty.complete.shape == (0,)


def test_digest_changes_with_every_array_and_the_order(make_faces):
    faces = make_faces(5, of_b=2)
    assert faces.digest() == make_faces(5, of_b=2).digest()
    assert faces.select(slice(None, None, -1)).digest() != faces.digest()
    for name, array in faces.arrays().items():
        other = array.copy()
        other.flat[0] = 1 if name == "population" else not other.flat[0]
        assert FaceSet(**{**faces.arrays(), name: other}).digest() != faces.digest(), name
