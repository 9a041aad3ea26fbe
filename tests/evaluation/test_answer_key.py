import numpy as np
import pandas as pd

from facial_keypoints.evaluation.answer_key import label_test_faces

LOOKUP = pd.DataFrame(
    {
        "RowId": [1, 2, 3],
        "ImageId": [0, 0, 1],
        "FeatureName": ["nose_tip_x", "nose_tip_y", "nose_tip_x"],
        "Location": [np.nan] * 3,
    }
)


def test_answer_key_labels_the_test_faces(make_faces):
    answers = pd.DataFrame({"RowId": [3, 1, 2], "Location": [7.0, 40.0, 50.0]})
    faces = label_test_faces(make_faces(3, of_b=1), answers, LOOKUP)
    assert faces.keypoints[0, 10].tolist() == [40, 50]
    assert faces.labelled.sum() == 1  # of the other image, y is unknown


def test_without_answer_key_nothing_is_labelled(make_faces):
    faces = label_test_faces(make_faces(2), pd.DataFrame(columns=["RowId", "Location"]), LOOKUP)
    assert not faces.labelled.any()
