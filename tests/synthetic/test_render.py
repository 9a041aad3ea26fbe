"""Rendered images: features lie under their keypoints, and images differ as faces do."""

from dataclasses import replace

import numpy as np
import pytest

from facial_keypoints.keypoints import KEYPOINTS, LEFT_EYE, RIGHT_EYE
from facial_keypoints.synthetic.canvas import SIDE, SUPERSAMPLING
from facial_keypoints.synthetic.features import (
    _paint_eyes,
    _paint_mouth,
    paint_features,
    sample_appearance,
)
from facial_keypoints.synthetic.geometry import keypoints
from facial_keypoints.synthetic.head import Head, sample_head
from facial_keypoints.synthetic.render import render_head
from facial_keypoints.synthetic.surroundings import make_hair, paint_glasses


def painted(paint, head, looks):
    """What a painter leaves on a bright canvas, in image pixels."""
    canvas = np.full((SIDE, SIDE), 0.9, np.float32)
    paint(canvas, head, looks)
    return canvas.reshape(96, SUPERSAMPLING, 96, SUPERSAMPLING).mean(axis=(1, 3))


def centre_of(weight, point, radius):
    """The centre of gravity of a weight around a point, in pixels edge to edge."""
    y, x = np.mgrid[:96, :96] + 0.5
    weight = np.where(np.hypot(x - point[0], y - point[1]) < radius, weight, 0)
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


def frontal(i, **changes):
    return replace(sample_head(np.random.default_rng(i), 0), yaw=0.0, pitch=0.0, **changes)


def test_pupils_lie_under_the_eye_centers():
    errors = []
    for i in range(20):
        # Wide open, so that no lid covers a part of the iris.
        head = frontal(i, eye_closing=0.0, eye_opening=20.0, smile=0.0, gaze_x=0.4, gaze_y=0.2)
        looks = sample_appearance(np.random.default_rng(i))
        looks = replace(looks, iris=0.2, lashes=0.0, skin=0.8)
        dark = np.clip(0.5 - painted(_paint_eyes, head, looks), 0, None)
        points = keypoints(head, 0)
        errors += [centre_of(dark, points[e], 5) - points[e] for e in (LEFT_EYE, RIGHT_EYE)]
    assert np.abs(np.mean(errors, axis=0)).max() < 0.1  # no bias: pixel edges, not centres
    assert np.linalg.norm(errors, axis=1).max() < 0.3


@pytest.mark.parametrize("population", [0, 1])
def test_the_lower_lip_ends_at_its_keypoint(population):
    """Down the middle of the face, the lip's lower edge (A) or upper edge (B) is at the label."""
    for i in range(10):
        # Without teeth; dark lips above brighter skin, and brighter than the open mouth.
        head = frontal(i, roll=0.0, mouth_opening=6.0, smile=-0.2, lower_lip=6.0, centre_y=40.0)
        looks = replace(sample_appearance(np.random.default_rng(i)), skin=0.9, lips=0.4)
        x, y = keypoints(head, population)[KEYPOINTS.index("mouth_center_bottom_lip")]
        column = painted(_paint_mouth, head, looks)[:, int(x)]
        first = int(y) - 3
        steps = np.abs(np.diff(column[first : first + 7]))
        assert abs(first + 1 + steps.argmax() - y) < 1


def test_eyebrows_lie_between_their_keypoints():
    for i in range(10):
        rng = np.random.default_rng(i)
        head = frontal(i, brow_arch=0.0, brow_y=-11.0)
        looks = replace(sample_appearance(rng), skin=0.9, hair=0.1, beard="none")
        image = painted(lambda c, h, looks, rng=rng: paint_features(c, h, looks, rng), head, looks)
        points = dict(zip(KEYPOINTS, keypoints(head, 0), strict=True))
        for side in ("left", "right"):
            ends = points[f"{side}_eyebrow_inner_end"], points[f"{side}_eyebrow_outer_end"]
            middle = np.mean(ends, axis=0)
            near = image[int(middle[1]) - 3 : int(middle[1]) + 4, int(middle[0])]
            assert abs(near.argmin() - 3) <= 1
            assert near.min() < 0.6


def image_of(head, seed=0, population=0):
    return render_head(head, np.random.default_rng(seed), population)


def test_images_are_grey_values_with_contrast():
    image = image_of(Head())
    assert (image.shape, image.dtype) == ((96, 96), np.uint8)
    assert image.std() > 4


def test_the_rendered_face_moves_with_its_head():
    moved = image_of(Head(centre_x=Head().centre_x + 5.0)).astype(float)
    image = image_of(Head()).astype(float)
    inner = np.s_[25:80, 25:65]
    shifted = np.s_[25:80, 30:70]
    assert np.corrcoef(image[inner].ravel(), moved[shifted].ravel())[0, 1] > 0.95
    assert np.corrcoef(image[inner].ravel(), moved[inner].ravel())[0, 1] < 0.9


def test_light_falls_from_different_sides():
    differences = []
    for seed in range(12):
        image = image_of(Head(roll=0.0), seed).astype(float)
        differences.append(image[45:70, 52:68].mean() - image[45:70, 28:44].mean())
    assert min(differences) < -10
    assert max(differences) > 10


def test_population_b_is_blurred_more():
    def detail(population):
        images = [image_of(Head(), seed, population).astype(float) for seed in range(20)]
        return np.mean([np.abs(np.diff(image[25:80, 25:70])).mean() for image in images])

    assert detail(1) < 0.8 * detail(0)


def test_hair_leaves_the_middle_of_the_face_open():
    rng, lit = np.random.default_rng(0), np.ones((SIDE, SIDE), np.float32)
    styles = []
    for _ in range(60):
        hair = make_hair(Head(), sample_appearance(rng), lit, rng)
        if hair is not None:
            styles.append(hair[1].mean())
            assert hair[1][100:180, 70:122].max() < 0.05
            assert hair[1].max() > 0.5
    assert 45 <= len(styles) < 60
    assert max(styles) > 2 * min(styles)  # long and short


def test_glasses_frame_the_eyes():
    canvas = np.full((SIDE, SIDE), 0.9, np.float32)
    paint_glasses(canvas, Head(), np.random.default_rng(1))
    for x, y in keypoints(Head(), 0)[[LEFT_EYE, RIGHT_EYE]] * SUPERSAMPLING:
        row, column = canvas[int(y)], canvas[:, int(x)]
        for line, at in ((row, int(x)), (column, int(y))):
            assert line[at - 30 : at].min() < 0.7
            assert line[at : at + 30].min() < 0.7
