"""Figures of the label audit."""

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import NUM_KEYPOINTS
from facial_keypoints.label_audit.audit import WHOLE, keypoint_indices
from facial_keypoints.plotting.faces import draw_faces

_GRID_FACES: Final = 48


def draw_label_issues(faces: FaceSet, issues: pd.DataFrame) -> Figure:
    """Draw the faces with the likeliest label issues: labels as circles, predictions as crosses.

    Args:
        faces: Training faces.
        issues: From ``audit.audit_labels``.
    """
    worst = issues.drop_duplicates("row").head(_GRID_FACES)
    rows = worst["row"].to_numpy(int) - 1
    predicted = np.full((len(rows), NUM_KEYPOINTS, 2), np.nan)
    for i, row in enumerate(rows):
        lines = issues[(issues["row"] == row + 1) & (issues["point"] != WHOLE)]
        places = lines[["predicted_x", "predicted_y"]].to_numpy()
        for point, place in zip(lines["point"], places, strict=True):
            predicted[i, keypoint_indices(str(point))] = place
    titles = [
        f"row {row}: {score:.1f} x limit\n"
        + ("whole face" if point == WHOLE else str(point).replace("_", " "))
        for row, score, point in worst[["row", "score", "point"]].itertuples(index=False)
    ]
    return draw_faces(
        faces.images[rows],
        titles,
        truth=faces.keypoints[rows],
        predicted=predicted,
        heading="Label issues: labels farthest from the prediction, in multiples of the limit",
    )
