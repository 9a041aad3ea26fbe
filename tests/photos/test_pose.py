import numpy as np
import pytest

from facial_keypoints.photos.pose import head_pose, pose_of
from facial_keypoints.synthetic.geometry import keypoints
from facial_keypoints.synthetic.head import Head, sample_head


@pytest.mark.parametrize("yaw", [-35, 0, 20])
@pytest.mark.parametrize("pitch", [-15, 0, 10])
@pytest.mark.parametrize("roll", [-100, 0, 30, 179])
def test_angles_of_the_mean_head_are_recovered(roll, yaw, pitch):
    head = Head(**{n: np.radians(v) for n, v in (("roll", roll), ("yaw", yaw), ("pitch", pitch))})
    pose = pose_of(head.rotation)
    np.testing.assert_allclose((pose.roll, pose.yaw, pose.pitch), (roll, yaw, pitch), atol=1e-6)
    found = head_pose(10 * keypoints(head, 0) + 300)
    np.testing.assert_allclose((found.roll, found.yaw, found.pitch), (roll, yaw, pitch), atol=2.5)


def test_pose_of_drawn_faces_is_off_by_a_few_degrees():
    generator = np.random.default_rng(0)
    heads = [sample_head(generator, 0) for _ in range(60)]
    found = [head_pose(keypoints(head, 0)) for head in heads]
    for name, limit in (("roll", 1.0), ("yaw", 2.0), ("pitch", 4.5)):
        true = np.degrees([getattr(head, name) for head in heads])
        error = np.abs(np.array([getattr(pose, name) for pose in found]) - true)
        assert error.mean() < limit, name
