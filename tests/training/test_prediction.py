import time

import numpy as np
import pytest
from dots import draw_dots, find_dots

from facial_keypoints.models.heads import NUM_HEADS, unmirror
from facial_keypoints.training.prediction import predict_with_tta


@pytest.fixture
def images():
    return draw_dots(np.random.default_rng(0).uniform(30, 66, (6, 2)))


def finder(seen):
    """A predictor that finds the dot, and notes the images that it has seen."""

    def predict(images):
        seen.append(np.asarray(images))
        return np.repeat(find_dots(images), NUM_HEADS, axis=0).reshape(len(images), -1)

    return predict


def test_views_are_averaged_in_pixels_of_the_image(images):
    seen = []
    once = predict_with_tta(finder([]), images)
    many = predict_with_tta(finder(seen), images, num_views=4)
    assert many.shape == (6, NUM_HEADS, 2)
    np.testing.assert_allclose(once[:, 0], find_dots(images), atol=1e-4)
    np.testing.assert_allclose(many, once, atol=0.3)
    assert len(seen) == 8  # each view and its mirror image
    np.testing.assert_array_equal(seen[0], images)
    np.testing.assert_array_equal(seen[1], images[:, :, ::-1])
    assert np.abs(find_dots(seen[-2]) - find_dots(images)).max() > 1  # a view differs


def test_views_are_always_the_same(images):
    first, second = ([], [])
    for seen in (first, second):
        predict_with_tta(finder(seen), images, num_views=3)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("seconds", "views"), [(-10, 1), (3600, 4)])
def test_deadline_bounds_the_views(images, seconds, views):
    seen = []
    found = predict_with_tta(finder(seen), images, 4, deadline=time.time() + seconds)
    assert len(seen) == 2 * views
    np.testing.assert_allclose(found[:, 0], find_dots(images), atol=0.3)


def test_mirror_images_count_as_much_as_the_image():
    """Also keypoints trade places with their partners."""
    images = np.zeros((1, 96, 96), np.uint8)
    images[:, :, :48] = 255
    left = np.random.default_rng(0).uniform(20, 76, (1, NUM_HEADS, 2)).astype(np.float32)
    right = np.random.default_rng(1).uniform(20, 76, (1, NUM_HEADS, 2)).astype(np.float32)

    def predict(given):
        return (left if given[0, 0, 0] else right).reshape(1, -1)

    expected = (left + unmirror(right)) / 2
    np.testing.assert_allclose(predict_with_tta(predict, images), expected, atol=1e-4)
