import numpy as np
from parameters import section

from facial_keypoints.parameters import SplitParameters, StudyParameters
from facial_keypoints.pipelines.split.nodes import split_faces


def test_split_faces_keeps_arrays_of_a_sample_together(make_faces):
    faces = make_faces(30, of_b=10)
    *parts, summary = split_faces(
        faces, section(SplitParameters), section(StudyParameters, scale=0.9)
    )
    for part in parts:
        np.testing.assert_array_equal(part.images, faces.images[part.group])
        np.testing.assert_array_equal(part.keypoints, faces.keypoints[part.group])
        np.testing.assert_array_equal(part.population, faces.population[part.group])
    assert summary.scale == 0.9
    assert summary.dropped_by_scale == 30 - sum(len(part) for part in parts) > 0
