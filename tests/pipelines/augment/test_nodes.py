import numpy as np
from parameters import section

from facial_keypoints.parameters import AugmentParameters
from facial_keypoints.pipelines.augment.nodes import augment_faces


def test_augment_faces_keeps_the_originals_first(make_faces):
    faces = make_faces(5, of_b=2)
    augmented, summary = augment_faces(faces, section(AugmentParameters))
    np.testing.assert_array_equal(augmented.images[:5], faces.images)
    assert augmented.augmented.tolist() == [False] * 5 + [True] * (summary.samples - 5)
