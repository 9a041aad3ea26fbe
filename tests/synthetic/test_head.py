"""The parametric head: projection, and the surface that the viewing rays meet."""

from dataclasses import replace

import numpy as np
import pytest

from facial_keypoints.synthetic.head import Head, sample_head


@pytest.mark.parametrize("seed", range(10))
def test_viewing_rays_hit_the_face_where_its_points_are_projected(seed):
    head = sample_head(np.random.default_rng(seed), 0)
    xy = np.array([[0.0, head.nose_y], [-18.0, 0.0], [18.0, 0.0], [0.0, 39.0], [-14.0, 38.0]])
    pixels = head.project(xy).astype(np.float32)
    hit, inside = head.cast(pixels[:, :1], pixels[:, 1:])
    assert (inside > 0).all()
    error = np.hypot(hit[0][:, 0] - xy[:, 0], hit[1][:, 0] - xy[:, 1])
    turned = max(abs(head.yaw), abs(head.pitch))
    assert error.max() < (0.3 if turned < 0.15 else 3.0)


def test_viewing_rays_beside_the_head_miss_it():
    corners = np.array([[0.0, 96.0], [0.0, 96.0]], np.float32)
    _, inside = Head(scale=0.8).cast(corners, corners.T)
    assert (inside < 0).all()


@pytest.mark.parametrize(
    ("angle", "moved"),
    [({"yaw": 0.2}, (1, 0)), ({"pitch": 0.2}, (0, 1))],
    ids=["yaw turns right", "pitch nods down"],
)
def test_positive_angles_move_the_nose(angle, moved):
    nose = np.array([[0.0, Head().nose_y]])
    step = replace(Head(), **angle).project(nose) - Head().project(nose)
    assert (step[0] * moved).sum() > 2


def test_positive_roll_turns_clockwise():
    left, right = Head(roll=0.2).project(np.array([[18.0, 0.0], [-18.0, 0.0]]))
    assert left[1] > right[1] + 5


def test_population_b_is_framed_less_steadily():
    scales = [
        np.std([sample_head(np.random.default_rng(i), population).scale for i in range(500)])
        for population in (0, 1)
    ]
    assert scales[1] == pytest.approx(1.45 * scales[0])
