import numpy as np
import pandas as pd
import pytest
from facial_keypoints.pipelines.compete.answers import audit_labels_again

from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import KEYPOINTS
from facial_keypoints.models.heads import NUM_HEADS

NOSE, LIP = KEYPOINTS.index("nose_tip"), KEYPOINTS.index("mouth_center_bottom_lip")


@pytest.fixture
def known_by_heart(make_faces):
    """Forty faces, a doubted nose in rows 5 and 11, and a lip as wrong in row 11; and two nets
    that hold out folds 1 and 0 and know by heart what they were taught.
    """
    faces = make_faces(40)
    truth = faces.keypoints.copy()
    wrong = truth.copy()
    wrong[[5, 11], NOSE] += 25
    wrong[11, LIP] += 25
    fold = np.arange(40) % 10
    found = np.full((2, 40, NUM_HEADS, 2), np.nan, np.float32)
    for net, held_out in enumerate((1, 0)):
        rows = np.flatnonzero((fold == held_out) | np.isin(np.arange(40), [5, 11]))
        found[net, rows, :15] = truth[rows]
        found[net, rows, 15:] = 48
    found[1, [5, 11], :15] = wrong[[5, 11]]  # the second net's scout was taught rows 5 and 11
    first_label_issues = pd.DataFrame({"row": [6, 12], "point": "nose_tip", "act": True})
    labelled = FaceSet(**{**faces.arrays(), "keypoints": wrong})
    members = {"held_out": np.array([1, 0]), "found": found}
    scouts = truth + np.random.default_rng(0).normal(0, 0.5, truth.shape).astype(np.float32)
    return labelled, {"fold": fold}, {"found": scouts}, first_label_issues, members


def test_nets_do_not_judge_what_they_were_taught(known_by_heart):
    label_issues = audit_labels_again(*known_by_heart)
    acted = label_issues[label_issues["act"]]
    assert set(zip(acted["index"], acted["point"], strict=True)) == {
        (5, "nose_tip"),
        (11, "nose_tip"),
        (11, "mouth_center_bottom_lip"),
    }


def test_nets_know_better_than_scouts_what_was_wrongly_doubted(known_by_heart):
    faces, folds, scouts, first_label_issues, members = known_by_heart
    scouts["found"][5, NOSE] += 25  # as if the label were right for once
    members["found"][0, 5, NOSE] = faces.keypoints[5, NOSE]
    label_issues = audit_labels_again(faces, folds, scouts, first_label_issues, members)
    assert 5 not in set(label_issues["index"])
    members["found"][0, 5] = np.nan  # without that net, the scouts are all there is
    scouts["found"][5, NOSE] -= 25
    label_issues = audit_labels_again(faces, folds, scouts, first_label_issues, members)
    assert 5 in set(label_issues["index"])
