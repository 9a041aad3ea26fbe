import numpy as np
import pytest

from facial_keypoints.augmentation.geometry import transform_points
from facial_keypoints.photos.finders import Box, Framing
from facial_keypoints.photos.framing import (
    crop,
    frame_again,
    frame_box,
    frame_points,
    frame_scale,
    rotate_frames,
    to_photo,
)
from facial_keypoints.synthetic.geometry import keypoints
from facial_keypoints.synthetic.head import Head

MEAN = keypoints(Head(), 0)
AS_IT_IS = Framing(1.0, 0.0, 0.0)


def rotated(points, angle, factor=1.0, shift=(0, 0)):
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return points @ (factor * rotation) + shift


def test_box_becomes_the_image():
    frame = frame_box(Box(100, 50, 48, 48, 1), AS_IT_IS)
    corners = np.array([[100.0, 50], [148, 50], [148, 98]])
    np.testing.assert_allclose(transform_points(corners, frame), [[0, 0], [96, 0], [96, 96]])


def test_framing_scales_and_shifts_the_box():
    frame = frame_box(Box(0, 0, 20, 5, 1), Framing(2.0, 0.5, -0.5))
    centre = transform_points(np.array([[48.0, 48.0]]), np.linalg.inv(frame))
    np.testing.assert_allclose(centre, [[10 + 5, 2.5 - 5]])
    assert frame_scale(frame) == pytest.approx(96 / 20)


@pytest.mark.parametrize("quarter_turns", [0, 1, 2, 3])
def test_rotated_face_is_upright_in_the_image(quarter_turns):
    pixels = np.zeros((200, 200), np.uint8)
    pixels[40:60, 90:110] = 255  # at the top of the upright face
    photo = np.ascontiguousarray(np.rot90(pixels, -quarter_turns))
    image = crop(photo, frame_box(Box(0, 0, 200, 200, 1, quarter_turns), AS_IT_IS))
    y, x = np.nonzero(image > 128)
    assert y.mean() + 0.5 == pytest.approx(24, abs=0.6)
    assert x.mean() + 0.5 == pytest.approx(48, abs=0.6)


@pytest.mark.parametrize("angle", [0.0, 0.4, -1.2, np.pi])
def test_points_of_the_mean_face_are_framed_onto_it(angle):
    photo = rotated(MEAN, angle, 3.7, (500, -20))[None]
    frames = frame_points(photo, MEAN)
    np.testing.assert_allclose(transform_points(photo, frames)[0], MEAN, atol=1e-6)
    np.testing.assert_allclose(to_photo(MEAN[None], frames), photo, atol=1e-6)


def test_points_that_are_no_face_keep_the_earlier_frame():
    frames = np.stack([frame_box(Box(0, 0, 96, 96, 1), AS_IT_IS)] * 4)
    points = np.stack([1.2 * MEAN, 5 * MEAN, MEAN + 100, np.full_like(MEAN, 7.0)])
    again = frame_again(frames, points, MEAN)
    assert [bool((new != old).any()) for new, old in zip(again, frames, strict=True)] == [
        *(True, False, False, False)
    ]


@pytest.mark.parametrize("size", [30, 96, 333, 2000])
def test_point_of_the_crop_lies_where_the_photo_shows_it(size):
    """A bright square in a photo of any size, cut out at any scale."""
    photo = np.zeros((size, size), np.uint8)
    low, high = round(0.6 * size), round(0.7 * size)
    photo[low:high, low:high] = 255
    frame = frame_box(Box(0.1 * size, 0.2 * size, 0.8 * size, 0.8 * size, 1), AS_IT_IS)
    image = crop(photo, frame).astype(float)
    assert image.shape == (96, 96)
    weights = image / image.sum()
    centres = np.arange(96) + 0.5
    found = np.array([(weights.sum(axis=0) * centres).sum(), (weights.sum(axis=1) * centres).sum()])
    middle = (low + high) / 2
    expected = transform_points(np.array([[middle, middle]]), frame)[0]
    np.testing.assert_allclose(found, expected, atol=0.35)


def test_shrinking_averages_instead_of_skipping_pixels():
    photo = np.tile(np.array([[0, 255]], np.uint8), (960, 480))
    image = crop(photo, frame_box(Box(0, 0, 960, 960, 1), AS_IT_IS))
    np.testing.assert_allclose(image, 127.5, atol=2)


def test_pixels_outside_of_the_photo_repeat_its_edge():
    photo = np.full((50, 50), 77, np.uint8)
    assert (crop(photo, frame_box(Box(-100, 20, 120, 120, 1), AS_IT_IS)) == 77).all()
    assert (crop(photo, frame_box(Box(900, 900, 20, 20, 1), AS_IT_IS)) == 77).all()


@pytest.mark.parametrize("quarter_turns", [1, 2, 3])
def test_rotated_frame_rotates_the_image(quarter_turns):
    photo = np.random.default_rng(0).integers(0, 256, (96, 96), np.uint8)
    rotated = crop(photo, rotate_frames(np.eye(3)[None], quarter_turns)[0])
    np.testing.assert_array_equal(rotated, np.rot90(photo, quarter_turns))
