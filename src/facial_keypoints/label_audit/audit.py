"""The label audit: which labels are probably wrong, by out-of-fold predictions.

Predictions of models that have not seen a row are compared with the row's labels. What counts as
far depends on the keypoint (eyebrows are vaguer than eyes), on the population with its conventions,
and on the face: where every keypoint is predicted badly, the face is difficult rather than one
label wrong.
"""

import logging
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from facial_keypoints.faces import FaceSet
from facial_keypoints.formatting import format_count
from facial_keypoints.keypoints import (
    IMAGE_SIZE,
    KEYPOINTS,
    NUM_KEYPOINTS,
    POPULATIONS,
    SWAP_INDEX,
)

logger = logging.getLogger(__name__)

Points = npt.NDArray[np.float32]
Distances = npt.NDArray[np.floating]

WHOLE: Final = "whole"
"""In place of a keypoint's name where the row as a whole is wrong."""
FLAGGED_FROM: Final = 1.0
"""Score from which on a label is flagged: it lies at its limit or beyond."""
LISTED_FROM: Final = 0.5

_TYPICAL_QUANTILE: Final = 0.9
_LIMIT: Final = (6.0, 3.0)
"""A label's limit: so many pixels, and so many times the typical distance. Open mouths and hidden
eyebrows are predicted up to that far off after a few epochs."""
_LIMIT_OF_WHOLE: Final = (3.0, 1.5)
"""The same for the median of a row's labels: that all are off is far rarer by chance."""
_EXPLAINED: Final = 0.4
"""A reading of the labels explains an error if it leaves at most this fraction of it."""


def audit_labels(labels: Points, predicted: Points, kind: npt.NDArray[np.integer]) -> pd.DataFrame:
    """Return label issues, highest score first.

    Args:
        labels: (n, 15, 2) in pixels, NaN where unknown.
        predicted: (n, 15, 2), out-of-fold; NaN where there is no prediction.
        kind: (n,), equal for rows that are labelled by one convention and predicted by one model.

    Returns:
        A line each: ``row`` of training.csv from 1; the same from 0 as ``index``; ``point``, or
        "whole"; ``score``, the distance as a multiple of the limit; ``flagged``; ``distance`` in
        pixels between label and prediction, for a whole row the median; ``reason``; and x and y of
        label and prediction.
    """
    distance = np.linalg.norm(predicted - labels, axis=2)
    typical = typical_distances(distance, kind)
    lines: list[dict[str, Any]] = []
    for row in np.flatnonzero(np.isfinite(distance).any(axis=1)):
        known = np.flatnonzero(np.isfinite(distance[row]))
        off, usual = distance[row, known], typical[row, known]
        whole = _score_of_whole(off, usual)
        if whole >= LISTED_FROM:
            lines.append(
                {
                    "row": row + 1,
                    "point": WHOLE,
                    "score": whole,
                    "distance": float(np.median(off)),
                    "reason": explain(labels[row, known], predicted[row, known], known),
                }
            )
            if whole >= FLAGGED_FROM:
                continue
        for i, score in zip(known, _scores_of_points(off, usual), strict=True):
            if score >= LISTED_FROM:
                lines.append(
                    {
                        "row": row + 1,
                        "point": KEYPOINTS[i],
                        "score": score,
                        "distance": float(distance[row, i]),
                        "reason": f"{distance[row, i]:.1f} px from the prediction",
                        **dict(zip(("label_x", "label_y"), labels[row, i], strict=True)),
                        **dict(zip(("predicted_x", "predicted_y"), predicted[row, i], strict=True)),
                    }
                )
    places = ["label_x", "label_y", "predicted_x", "predicted_y"]
    table = pd.DataFrame(lines, columns=["row", "point", "score", "distance", "reason", *places])
    table.insert(1, "index", table["row"] - 1)
    table.insert(4, "flagged", table["score"] >= FLAGGED_FROM)
    return table.sort_values("score", ascending=False, kind="stable", ignore_index=True)


def keypoint_indices(point: str) -> list[int]:
    """Return the positions of the keypoints that a line of the audit is about."""
    return list(range(NUM_KEYPOINTS)) if point == WHOLE else [KEYPOINTS.index(point)]


def typical_distances(distance: Distances, kind: npt.NDArray[np.integer]) -> Distances:
    """Return the distance within which nine tenths of a kind's labels of a keypoint lie.

    Far fewer than a tenth of the labels are wrong, so these do not matter.

    Args:
        distance: (n, 15) in pixels, NaN where unknown.
        kind: (n,), see ``audit_labels``.

    Returns:
        (n, 15); NaN where a kind has no label.
    """
    typical = np.full(distance.shape, np.nan)
    for code in np.unique(kind):
        of_code = np.flatnonzero(kind == code)
        known = np.flatnonzero(np.isfinite(distance[of_code]).any(axis=0))
        within = np.nanquantile(distance[np.ix_(of_code, known)], _TYPICAL_QUANTILE, axis=0)
        typical[np.ix_(of_code, known)] = within
    return typical


def _score_of_whole(off: Distances, typical: Distances) -> float:
    """Of a row's labels together: the median of their scores; 0 for a single label."""
    if len(off) < 2:
        return 0.0
    return float(np.median(off / (_LIMIT_OF_WHOLE[0] + _LIMIT_OF_WHOLE[1] * typical)))


def _scores_of_points(off: Distances, typical: Distances) -> list[float]:
    """Of each of a row's labels by itself, the limit being wider where the others are off."""
    scores = []
    relative = off / typical
    for i in range(len(off)):
        others = np.delete(relative, i)
        difficulty = max(1.0, float(np.median(others))) if len(others) else 1.0
        scores.append(float(off[i] / (_LIMIT[0] + _LIMIT[1] * difficulty * typical[i])))
    return scores


def explain(labels: Points, predicted: Points, which: npt.NDArray[np.integer]) -> str:
    """Return what may have happened to a row whose labels all lie elsewhere than predicted.

    Args:
        labels: (k, 2) in pixels.
        predicted: (k, 2) in pixels.
        which: Positions of the keypoints among the fifteen, (k,).
    """
    shift = np.median(labels - predicted, axis=0)
    partners = {int(point): i for i, point in enumerate(which)}
    swap = [partners.get(SWAP_INDEX[int(point)], i) for i, point in enumerate(which)]
    mirrored = np.stack([IMAGE_SIZE - labels[:, 0], labels[:, 1]], axis=1)
    readings = {
        f"shifted by {shift[0]:+.0f}, {shift[1]:+.0f} px": labels - shift,
        "left and right swapped": labels[swap],
        "mirrored": mirrored[swap],
        "mirrored, left and right not swapped": mirrored,
        "upside down": np.stack([labels[:, 0], IMAGE_SIZE - labels[:, 1]], axis=1),
        "rotated by 180 degrees": IMAGE_SIZE - labels,
        "x and y swapped": labels[:, ::-1],
    }
    before = float(np.median(np.linalg.norm(labels - predicted, axis=1)))
    after = {
        reading: float(np.median(np.linalg.norm(points - predicted, axis=1)))
        for reading, points in readings.items()
    }
    best = min(after, key=lambda reading: after[reading])
    if after[best] <= _EXPLAINED * before:
        return best
    extent = np.ptp(labels, axis=0).max() / max(np.ptp(predicted, axis=0).max(), 1.0)
    if extent < 0.5:
        return "all keypoints in one place"
    return "labels of another face, or of none"


def flagged_keypoints(issues: pd.DataFrame, rows: int) -> npt.NDArray[np.bool_]:
    """Return which keypoints of which rows are flagged, bool (n, 15).

    Args:
        issues: From ``audit_labels``.
        rows: n.
    """
    flagged = np.zeros((rows, NUM_KEYPOINTS), bool)
    lines = issues[issues["flagged"].astype(bool)]  # an empty table has no types
    for row, point in zip(lines["row"].to_numpy(int), lines["point"], strict=True):
        flagged[row - 1, keypoint_indices(str(point))] = True
    return flagged


def audit_faces(
    faces: FaceSet, half: npt.NDArray[np.integer], predicted: Points, stage: str
) -> pd.DataFrame:
    """Return the label issues of faces, and log how many there are.

    The two halves have separate first-stage models, and one that has learnt little must not
    widen the other's limits.

    Args:
        faces: Training faces.
        half: (n,), 0 or 1.
        predicted: (n, 15, 2) in pixels, out-of-fold.
        stage: For the log.
    """
    issues = audit_labels(faces.keypoints, predicted, faces.population + len(POPULATIONS) * half)
    flagged = issues[issues["flagged"].astype(bool)]
    logger.info(
        "Label audit (%s): %s in %s (%s)",
        stage,
        format_count(len(flagged), "label issue"),
        format_count(flagged["row"].nunique(), "row"),
        format_count(int((flagged["point"] == WHOLE).sum()), "whole row"),
    )
    return issues
