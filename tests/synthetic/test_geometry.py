"""The keypoints of a head and the conventions of the two populations."""

import numpy as np
import pytest

from facial_keypoints.keypoints import KEYPOINTS, LEFT_EYE, RIGHT_EYE, SWAP_INDEX
from facial_keypoints.synthetic.geometry import eye, keypoints, mouth
from facial_keypoints.synthetic.head import Head, sample_head

NOSE, LIP = KEYPOINTS.index("nose_tip"), KEYPOINTS.index("mouth_center_bottom_lip")


@pytest.fixture(scope="module")
def heads():
    return [sample_head(np.random.default_rng(i), 0) for i in range(300)]


def test_population_b_has_a_lower_nose_tip_and_a_higher_lower_lip(heads):
    moved = np.mean([keypoints(head, 1) - keypoints(head, 0) for head in heads], axis=0)
    assert 5 < moved[NOSE, 1] < 10
    assert -7 < moved[LIP, 1] < -3
    others = [i for i in range(len(KEYPOINTS)) if i not in {NOSE, LIP}]
    np.testing.assert_array_equal(moved[others], 0)


def test_left_keypoints_have_the_larger_x(heads):
    left = [i for i, name in enumerate(KEYPOINTS) if "left" in name]
    right = [SWAP_INDEX[i] for i in left]
    for head in heads:
        points = keypoints(head, 0)
        assert (points[left, 0] > points[right, 0]).all()


def test_faces_are_upright(heads):
    for head in heads:
        points = keypoints(head, 0)
        top_lip = points[KEYPOINTS.index("mouth_center_top_lip")]
        assert max(points[LEFT_EYE, 1], points[RIGHT_EYE, 1]) < points[NOSE, 1] < top_lip[1]


def test_the_mean_face_is_symmetric():
    points = keypoints(Head(), 0)
    mirrored = [2 * Head().centre_x, 0] + points[list(SWAP_INDEX)] * [-1, 1]
    turned_by_roll = 1.5  # the mean roll is -0.3 degrees
    assert np.abs(points - mirrored).max() < turned_by_roll


def test_lids_meet_in_the_corners_and_when_the_eye_is_closed():
    _, upper, lower = eye(Head(eye_closing=0.0), 1)
    np.testing.assert_allclose(upper[[0, -1]], lower[[0, -1]], atol=1e-6)
    assert upper[8, 1] < lower[8, 1] - 4
    _, upper, lower = eye(Head(eye_closing=1.0), 1)
    np.testing.assert_allclose(upper, lower)


@pytest.mark.parametrize("opening", [0.0, 5.0])
def test_lips_are_apart_by_the_mouth_opening(opening):
    edges = [edge[8, 1] for edge in mouth(Head(mouth_opening=opening))]
    assert edges == sorted(edges)
    assert edges[2] - edges[1] == pytest.approx(opening)
