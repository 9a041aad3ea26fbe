"""Find labels that cannot be right, by plain geometry; no network is needed."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import LEFT_EYE, RIGHT_EYE
from facial_keypoints.metrics import MIN_EYE_DISTANCE

MAX_DISAGREEMENT: Final = 10.0
"""Pixels by which labels of one image and population may differ."""


@dataclass(frozen=True)
class LabelIssue:
    """A row whose labels are probably wrong.

    Attributes:
        row: Row of training.csv, from 1.
        reason: Why.
    """

    row: int
    reason: str


def find_label_issues(faces: FaceSet) -> list[LabelIssue]:
    """Return the rows whose labels cannot be right, one reason each, in order.

    These are rows with swapped eyes, with eye centres closer than ``MIN_EYE_DISTANCE``, and rows
    of one image and population with labels more than ``MAX_DISAGREEMENT`` apart.
    """
    eyes = faces.keypoints[:, LEFT_EYE] - faces.keypoints[:, RIGHT_EYE]
    flat = pd.DataFrame(faces.keypoints.reshape(len(faces), -1))
    same_image = flat.groupby([faces.group, faces.population])
    span = (same_image.transform("max") - same_image.transform("min")).where(flat.notna())
    issues = {
        f"eyes closer than {MIN_EYE_DISTANCE:g} px": np.linalg.norm(eyes, axis=1)
        < MIN_EYE_DISTANCE,
        "left and right eye are swapped": eyes[:, 0] < 0,
        "labels of the same image disagree": (span > MAX_DISAGREEMENT).any(axis=1).to_numpy(),
    }
    reasons = np.select(list(issues.values()), list(issues), default="")
    return [LabelIssue(int(row) + 1, str(reasons[row])) for row in np.flatnonzero(reasons != "")]
