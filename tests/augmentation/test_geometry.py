import cv2
import numpy as np
import pytest

from facial_keypoints.augmentation.geometry import (
    to_pixel_centres,
    transform_matrix,
    transform_points,
)

POINTS = np.random.default_rng(0).uniform(0, 96, (3, 15, 2))


def test_rotation_is_opencvs_rotation_about_the_centre():
    expected = cv2.getRotationMatrix2D((48, 48), 12, 1.0)
    moved = transform_points(POINTS, transform_matrix(np, rotation=np.deg2rad(12)))
    np.testing.assert_allclose(moved, POINTS @ expected[:, :2].T + expected[:, 2], atol=1e-9)


def test_mirror_maps_x_to_96_minus_x():
    moved = transform_points(POINTS, transform_matrix(np, scale_x=-1.0))
    np.testing.assert_allclose(moved, POINTS * [-1, 1] + [96, 0], atol=1e-9)


def test_shift_moves_every_point_and_keeps_nan():
    points = POINTS.copy()
    points[0, 0] = np.nan
    moved = transform_points(points, transform_matrix(np, shift_x=12, shift_y=-12))
    np.testing.assert_allclose(moved, points + np.array([12, -12]), atol=1e-9)


def test_pixel_centres_are_half_a_pixel_from_edges():
    matrix = transform_matrix(np, rotation=0.3, scale_x=1.2, shift_x=5.0)
    by_edges = transform_points(POINTS, matrix)
    by_centres = transform_points(POINTS - 0.5, to_pixel_centres(matrix))
    np.testing.assert_allclose(by_centres, by_edges - 0.5, atol=1e-5)


def test_numpy_and_tensorflow_give_the_same_transform():
    tf = pytest.importorskip("tensorflow")
    values = {
        "rotation": [0.1, -0.2, 0.3],
        "scale_x": [1.1, -1.0, 0.9],
        "scale_y": [0.9, 1.0, 1.2],
        "shear": [0.1, 0.0, -0.1],
        "shift_x": [3.0, -4.0, 0.0],
        "shift_y": [0.0, 2.0, 1.0],
        "perspective_x": [0.001, 0.0, -0.002],
        "perspective_y": [0.0, 0.001, 0.002],
    }
    ours = transform_matrix(np, **{name: np.array(value) for name, value in values.items()})
    theirs = transform_matrix(tf, **{name: tf.constant(value) for name, value in values.items()})
    np.testing.assert_allclose(theirs.numpy(), ours, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(
        transform_points(tf.constant(POINTS, tf.float32), theirs).numpy(),
        transform_points(POINTS, ours),
        rtol=1e-4,
    )
