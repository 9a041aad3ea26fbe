import numpy as np
import pytest
from dots import draw_dots, find_dots
from parameters import section

from facial_keypoints.augmentation.transforms import are_inside, recipe
from facial_keypoints.keypoints import KEYPOINTS, SWAP_INDEX
from facial_keypoints.parameters import AugmentParameters

NO_STEPS = {"flip": False, "rotations": [], "brightness": [], "shifts": [], "noise": []}
MOVING_STEPS = {
    "flip": True,
    "rotations": [12, -12, 30, -45, 90, 3.3, 180],
    "shifts": [(-12, -12), (12, -12), (7, 0), (0, -9), (2.5, 3.25)],
    "brightness": [0.5],
}


def recipe_of(**steps):
    return recipe(section(AugmentParameters, **{**NO_STEPS, **steps}))


@pytest.fixture(scope="module")
def points():
    """60 points near the centre, none at a pixel's centre."""
    return np.random.default_rng(5).uniform(30, 66, (60, 2)).astype(np.float32)


def test_find_dots_is_inverse_of_draw_dots(points):
    np.testing.assert_allclose(find_dots(draw_dots(points)), points, atol=0.02)


@pytest.mark.parametrize("border", ["black", "replicate"])
@pytest.mark.parametrize("index", range(14), ids=[step.name for step in recipe_of(**MOVING_STEPS)])
def test_images_move_with_keypoints(points, index, border):
    step = recipe_of(**MOVING_STEPS, border=border)[index]
    moved = step.keypoints(np.repeat(points[:, None], len(KEYPOINTS), axis=1))
    images = step.images(draw_dots(points), np.random.default_rng(0))
    assert images.dtype == np.uint8
    assert np.linalg.norm(find_dots(images) - moved[:, 0], axis=1).max() < 0.05


def test_positive_angle_rotates_counter_clockwise_as_seen():
    (step,) = recipe_of(rotations=[90])
    right_of_centre = np.full((1, 15, 2), (60, 48), np.float32)
    np.testing.assert_allclose(step.keypoints(right_of_centre)[0, 0], (48, 36), atol=1e-5)


def test_flip_swaps_mirror_partners():
    (step,) = recipe_of(flip=True)
    points = np.random.default_rng(0).uniform(0, 96, (3, 15, 2)).astype(np.float32)
    mask = np.random.default_rng(1).random((3, 15)) < 0.5
    flipped = step.keypoints(points)
    np.testing.assert_allclose(flipped[..., 0], 96 - points[:, SWAP_INDEX, 0], atol=1e-5)
    np.testing.assert_array_equal(flipped[..., 1], points[:, SWAP_INDEX, 1])
    np.testing.assert_array_equal(step.labelled(mask), mask[:, SWAP_INDEX])


def test_shift_by_whole_pixels_is_exact():
    (step,) = recipe_of(shifts=[(12, -12)])
    points = np.array([[[0.1, 95.7]] * 15], np.float32)
    expected = points + np.array([12, -12], np.float32)
    np.testing.assert_array_equal(step.keypoints(points), expected)


def test_are_inside_rejects_keypoints_on_or_beyond_the_border():
    points = np.full((6, 15, 2), 50, np.float32)
    points[1, 0, 0] = 96
    points[2, 0, 1] = 95.9
    points[3, 0] = np.nan
    points[4, 3, 1] = 0
    points[5, 3, 1] = -1
    assert are_inside(points).tolist() == [True, False, True, True, False, False]


def test_recipe_numbers_repeated_steps():
    assert [step.name for step in recipe_of(noise=[0.1, 0.1])] == ["noise 0.1", "noise 0.1 #2"]
