import numpy as np
import pytest

from facial_keypoints.keypoints import NUM_KEYPOINTS, POPULATION_B_INDEX
from facial_keypoints.metrics import mean_face
from facial_keypoints.models.heads import (
    MIRROR_PARTNERS,
    NUM_HEADS,
    choose_heads,
    from_heads,
    mirror_bias,
    to_heads,
    unmirror,
)

B = list(POPULATION_B_INDEX)


def test_keypoints_return_from_the_heads_of_their_population(make_faces):
    faces = make_faces(6, of_b=2)
    heads = to_heads(faces.keypoints, faces.population)
    assert np.isnan(heads[:4, NUM_KEYPOINTS:]).all()
    assert np.isnan(heads[4:, :NUM_KEYPOINTS]).all()
    known = faces.labelled
    points = from_heads(heads, faces, faces.population)
    np.testing.assert_array_equal(points[known], faces.keypoints[known])


def test_each_population_uses_its_own_heads(make_faces):
    chosen = choose_heads(make_faces(6, of_b=2))
    assert chosen[0].tolist() == list(range(NUM_KEYPOINTS))
    assert chosen[1, B].tolist() == list(range(NUM_KEYPOINTS, NUM_HEADS))


def test_population_without_labels_uses_the_other_population(make_faces):
    assert choose_heads(make_faces(4))[1].tolist() == list(range(NUM_KEYPOINTS))
    chosen = choose_heads(make_faces(4, of_b=4))
    assert chosen[0, B].tolist() == list(range(NUM_KEYPOINTS, NUM_HEADS))


def test_keypoint_without_any_label_is_that_of_the_mean_face(make_faces):
    faces = make_faces(4, of_b=4)
    unlabelled = np.setdiff1d(np.arange(NUM_KEYPOINTS), B)
    assert (choose_heads(faces)[:, unlabelled] == -1).all()
    heads = np.zeros((2, NUM_HEADS, 2), np.float32)
    points = from_heads(heads, faces, np.array([0, 1]))
    expected = np.repeat(mean_face(faces.keypoints)[None, unlabelled], 2, axis=0)
    np.testing.assert_array_equal(points[:, unlabelled], expected)
    assert (points[:, B] == 0).all()
    assert points.dtype == np.float32


def test_unmirror_is_its_own_inverse_and_swaps_partners():
    heads = np.random.default_rng(0).uniform(0, 96, (3, NUM_HEADS, 2)).astype(np.float32)
    np.testing.assert_allclose(unmirror(unmirror(heads)), heads, atol=1e-4)
    assert sorted(MIRROR_PARTNERS) == list(range(NUM_HEADS))
    left_eye, right_eye = NUM_KEYPOINTS, NUM_KEYPOINTS + 1  # B's
    assert MIRROR_PARTNERS[left_eye] == right_eye
    assert unmirror(heads)[0, left_eye, 0] == 96 - heads[0, right_eye, 0]


def labels_with(count, difference):
    """Labels (n, 19, 2) and predictions, with this difference and noise of 1 px between them."""
    random = np.random.default_rng(1)
    predicted = random.uniform(20, 76, (count, NUM_HEADS, 2)).astype(np.float32)
    return predicted + difference + random.normal(size=predicted.shape).astype(
        np.float32
    ), predicted


def test_mirror_bias_is_what_differs_in_mirror_images():
    bias = np.zeros((NUM_HEADS, 2), np.float32)
    bias[NUM_KEYPOINTS:, 0] = 0.5  # all of B's keypoints to the right
    bias[0, 1], bias[1, 1] = 0.3, -0.3  # A's left eye lower, the right one higher
    np.testing.assert_allclose(mirror_bias(*labels_with(4000, bias)), bias, atol=0.05)


def test_difference_that_is_the_same_in_mirror_images_is_no_bias():
    shared = np.zeros((NUM_HEADS, 2), np.float32)
    shared[:, 1] = 0.7
    shared[0, 0], shared[1, 0] = 0.4, -0.4  # both eyes outwards
    assert np.abs(mirror_bias(*labels_with(4000, shared))).max() < 0.05


def test_noise_is_taken_for_noise_as_often_at_every_head():
    random = np.random.default_rng(0)
    nothing = np.zeros((50, NUM_HEADS, 2), np.float32)
    runs = 400
    found = [
        mirror_bias(random.normal(size=nothing.shape).astype(np.float32), nothing)
        for _ in range(runs)
    ]
    zero = np.mean([bias == 0 for bias in found], axis=0)
    alone = np.asarray(MIRROR_PARTNERS) == np.arange(NUM_HEADS)
    assert (zero[alone, 1] == 1).all()  # their height is the same in a mirror
    # one standard deviation to each side holds 0.68 of a normal distribution
    deviation = np.sqrt(0.68 * 0.32 / runs)
    for figures in (zero[~alone], zero[alone, 0]):
        np.testing.assert_allclose(figures, 0.68, atol=4 * deviation)


def test_bias_of_few_labels_is_shrunk():
    bias = np.zeros((NUM_HEADS, 2), np.float32)
    bias[:, 0] = 0.1
    found = mirror_bias(*labels_with(20, bias))
    assert np.abs(found).mean() < 0.15
    assert (found == 0).mean() > 0.3


def test_keypoint_without_labels_has_no_bias():
    labels, predicted = labels_with(20, 0.1)
    labels[:, 3] = np.nan
    assert (mirror_bias(labels, predicted)[[3, MIRROR_PARTNERS[3]]] == 0).all()


@pytest.mark.parametrize("rows", [0, 1])
def test_a_single_face_has_no_bias(rows):
    labels, predicted = labels_with(1, 0.1)
    assert (mirror_bias(labels[:rows], predicted[:rows]) == 0).all()
