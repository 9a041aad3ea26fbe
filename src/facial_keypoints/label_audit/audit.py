"""The label audit: which labels are most likely wrong.

What nets that have never seen a row find there is compared with the row's labels. What counts as
far depends on the point (eyebrows are vaguer than eyes), on the population with its conventions,
and on the face: where every point is found badly, the face is difficult rather than one label
wrong.
"""

import logging
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import (
    IMAGE_SIZE,
    KEYPOINTS,
    NUM_KEYPOINTS,
    POPULATIONS,
    SWAP_INDEX,
)
from facial_keypoints.models.heads import Points

logger = logging.getLogger(__name__)

Distances = npt.NDArray[np.floating]

WHOLE: Final = "whole"
"""In the place of a point's name where the row as a whole is wrong."""
ACT_FROM: Final = 1.0
"""Score from which on the audit would act: the label lies as far off as its limit."""
LISTED_FROM: Final = 0.5

_USUAL_QUANTILE: Final = 0.9
_LIMIT: Final = (6.0, 3.0)
"""A label's limit is so many pixels, and so many times the distance that is usual for it. Open
mouths and hidden eyebrows are found up to that far off by nets of a few epochs."""
_LIMIT_OF_WHOLE: Final = (3.0, 1.5)
"""The same for the middle one of a row's labels: that all are off is far rarer by chance."""
_EXPLAINED: Final = 0.4
"""A reading of the labels explains an error if it leaves at most this share of it."""


def audit(labels: Points, found: Points, kind: npt.NDArray[np.integer]) -> pd.DataFrame:
    """Suspect labels, most suspect first.

    Args:
        labels: (n, 15, 2) in pixels, NaN where unknown.
        found: (n, 15, 2), by nets that have not been trained on the row; NaN where there is none.
        kind: (n,), the same for rows that are labelled by one convention and found by one net.

    Returns:
        A line each: ``row`` of training.csv from 1; the same from 0 as ``index``; ``point``, or
        "whole"; ``score``, the distance as a multiple of the limit; ``act``, whether the audit
        would act on it; ``distance`` in pixels between label and what was found, for a whole row
        the median; ``reason``; and label and found place, x and y.
    """
    distance = np.linalg.norm(found - labels, axis=2)
    usual = usual_distances(distance, kind)
    lines: list[dict[str, Any]] = []
    for row in np.flatnonzero(np.isfinite(distance).any(axis=1)):
        known = np.flatnonzero(np.isfinite(distance[row]))
        off, usually = distance[row, known], usual[row, known]
        whole = _score_of_whole(off, usually)
        if whole >= LISTED_FROM:
            lines.append(
                {
                    "row": row + 1,
                    "point": WHOLE,
                    "score": whole,
                    "distance": float(np.median(off)),
                    "reason": explain(labels[row, known], found[row, known], known),
                }
            )
            if whole >= ACT_FROM:
                continue
        for i, score in zip(known, _scores_of_points(off, usually), strict=True):
            if score >= LISTED_FROM:
                lines.append(
                    {
                        "row": row + 1,
                        "point": KEYPOINTS[i],
                        "score": score,
                        "distance": float(distance[row, i]),
                        "reason": f"{distance[row, i]:.1f} px from where the face has it",
                        **dict(zip(("label_x", "label_y"), labels[row, i], strict=True)),
                        **dict(zip(("found_x", "found_y"), found[row, i], strict=True)),
                    }
                )
    places = ["label_x", "label_y", "found_x", "found_y"]
    table = pd.DataFrame(lines, columns=["row", "point", "score", "distance", "reason", *places])
    table.insert(1, "index", table["row"] - 1)
    table.insert(4, "act", table["score"] >= ACT_FROM)
    return table.sort_values("score", ascending=False, kind="stable", ignore_index=True)


def named_points(point: str) -> list[int]:
    """Positions of the points that a line of the audit speaks of."""
    return list(range(NUM_KEYPOINTS)) if point == WHOLE else [KEYPOINTS.index(point)]


def usual_distances(distance: Distances, kind: npt.NDArray[np.integer]) -> Distances:
    """Distance within which nine tenths of a kind's labels of a point lie, for each label (n, 15);
    NaN where there are none. Far fewer than a tenth are wrong, so these do not matter.
    """
    usual = np.full(distance.shape, np.nan)
    for code in np.unique(kind):
        of_code = np.flatnonzero(kind == code)
        known = np.flatnonzero(np.isfinite(distance[of_code]).any(axis=0))
        within = np.nanquantile(distance[np.ix_(of_code, known)], _USUAL_QUANTILE, axis=0)
        usual[np.ix_(of_code, known)] = within
    return usual


def _score_of_whole(off: Distances, usually: Distances) -> float:
    """Of a row's labels together: the median of their scores; 0 for a single label."""
    if len(off) < 2:
        return 0.0
    return float(np.median(off / (_LIMIT_OF_WHOLE[0] + _LIMIT_OF_WHOLE[1] * usually)))


def _scores_of_points(off: Distances, usually: Distances) -> list[float]:
    """Of each of a row's labels by itself, the limit being wider where the others are off."""
    scores = []
    relative = off / usually
    for i in range(len(off)):
        others = np.delete(relative, i)
        difficulty = max(1.0, float(np.median(others))) if len(others) else 1.0
        scores.append(float(off[i] / (_LIMIT[0] + _LIMIT[1] * difficulty * usually[i])))
    return scores


def explain(labels: Points, found: Points, which: npt.NDArray[np.integer]) -> str:
    """What may have happened to a row of labels that lie elsewhere than they should.

    Args:
        labels: (k, 2) in pixels.
        found: (k, 2), where the face has these points.
        which: Positions of the points among the fifteen, (k,).
    """
    shift = np.median(labels - found, axis=0)
    partners = {int(point): i for i, point in enumerate(which)}
    swap = [partners.get(SWAP_INDEX[int(point)], i) for i, point in enumerate(which)]
    mirrored = np.stack([IMAGE_SIZE - labels[:, 0], labels[:, 1]], axis=1)
    readings = {
        f"shifted by {shift[0]:+.0f}, {shift[1]:+.0f} px": labels - shift,
        "left and right exchanged": labels[swap],
        "mirrored": mirrored[swap],
        "mirrored, left and right not exchanged": mirrored,
        "upside down": np.stack([labels[:, 0], IMAGE_SIZE - labels[:, 1]], axis=1),
        "turned by 180 degrees": IMAGE_SIZE - labels,
        "x and y exchanged": labels[:, ::-1],
    }
    before = float(np.median(np.linalg.norm(labels - found, axis=1)))
    left = {
        reading: float(np.median(np.linalg.norm(points - found, axis=1)))
        for reading, points in readings.items()
    }
    best = min(left, key=lambda reading: left[reading])
    if left[best] <= _EXPLAINED * before:
        return best
    extent = np.ptp(labels, axis=0).max() / max(np.ptp(found, axis=0).max(), 1.0)
    if extent < 0.5:
        return "all points in one place"
    return "labels of another face, or of none"


def acted_on(label_issues: pd.DataFrame, rows: int) -> npt.NDArray[np.bool_]:
    """The points (n, 15) of which the audit would act on the labels."""
    acted = np.zeros((rows, NUM_KEYPOINTS), bool)
    certain = label_issues[label_issues["act"].astype(bool)]  # an empty table has no types
    for row, point in zip(certain["row"].to_numpy(int), certain["point"], strict=True):
        acted[row - 1, named_points(str(point))] = True
    return acted


def audited(
    faces: FaceSet, half: npt.NDArray[np.integer], found: Points, when: str
) -> pd.DataFrame:
    """The audit of faces, told in a line. The two halves, (n,), have scouts of their own, and one
    that has learnt little must not spoil the other's limits.
    """
    label_issues = audit(faces.keypoints, found, faces.population + len(POPULATIONS) * half)
    acted = label_issues[label_issues["act"].astype(bool)]
    logger.info(
        "Label audit %s: %s labels of %s rows are most likely wrong (%s whole rows)",
        when,
        f"{len(acted):,}",
        f"{acted['row'].nunique():,}",
        f"{int((acted['point'] == WHOLE).sum()):,}",
    )
    return label_issues
