"""Painting shapes: where they land, and how they blend."""

import numpy as np
import pytest

from facial_keypoints.synthetic.canvas import SIDE, SUPERSAMPLING, ellipse, fill, noise, ribbon


def blank():
    return np.zeros((SIDE, SIDE), np.float32)


def test_shapes_lie_where_their_coordinates_say():
    y, x = (np.mgrid[:SIDE, :SIDE] + 0.5) / SUPERSAMPLING
    errors = []
    for centre in np.random.default_rng(0).uniform(30, 60, (40, 2)):
        canvas = fill(blank(), ellipse(centre, (3, 2)))
        errors.append([(canvas * axis).sum() / canvas.sum() for axis in (x, y)] - centre)
    assert np.abs(np.mean(errors, axis=0)).max() < 0.05  # no bias: pixel edges, not centres
    assert np.abs(errors).max() < 0.25


def test_shapes_have_the_size_of_their_outline():
    canvas = fill(blank(), ellipse((48, 48), (30, 20)))
    assert canvas.sum() / SUPERSAMPLING**2 == pytest.approx(np.pi * 30 * 20, rel=0.05)


def test_soft_edges_keep_the_size():
    hard, soft = (fill(blank(), ellipse((48, 48), (30, 20)), soft=s).sum() for s in (0.0, 1.0))
    assert soft == pytest.approx(hard, rel=0.01)


def test_opacity_and_clip_limit_the_paint():
    clip = blank()
    clip[:, : SIDE // 2] = 0.5
    canvas = fill(blank(), ellipse((48, 48), (30, 30)), 0.8, alpha=0.5, clip=clip)
    assert canvas[SIDE // 2, SIDE // 2 - 2] == pytest.approx(0.2)
    assert canvas[SIDE // 2, SIDE // 2 + 2] == 0


def test_a_plane_of_greys_can_be_painted():
    greys = noise(np.random.default_rng(0), 8, 8)
    canvas = fill(blank(), ellipse((48, 48), (30, 30)), greys)
    assert canvas[SIDE // 2, SIDE // 2] == pytest.approx(greys[SIDE // 2, SIDE // 2])


@pytest.mark.parametrize("centre", [(-40, 48), (48, 200)])
def test_shapes_outside_of_the_image_paint_nothing(centre):
    assert not fill(blank(), ellipse(centre, (10, 10))).any()


def test_a_ribbon_has_the_width_of_its_line():
    outline = ribbon(np.array([[0.0, 0.0], [10.0, 0.0], [20.0, 0.0]]), [1, 2, 1])
    np.testing.assert_allclose(np.abs(outline[:, 1]), [1, 2, 1, 1, 2, 1], atol=1e-5)
