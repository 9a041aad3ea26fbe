"""Labels to look at: the largest errors on the hold-out, and the label audit's issues."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from facial_keypoints.archive.corrections import LabelCorrection
from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import KEYPOINTS
from facial_keypoints.label_audit.audit import WHOLE
from facial_keypoints.models.heads import heads_of

Points = npt.NDArray[np.floating]


@dataclass(frozen=True)
class ReviewCase:
    """A row of training.csv to look at.

    Attributes:
        row: From 1.
        keypoint: The one that is off; None for the row as a whole.
        reason: Why it is here.
        position: In the hold-out, where it is from there.
    """

    row: int
    keypoint: str | None
    reason: str
    position: int | None = None


def issue_cases(issues: pd.DataFrame) -> list[ReviewCase]:
    """Return the issues that the label audit flags, highest score first.

    Args:
        issues: From ``audit_labels``.
    """
    flagged = issues[issues["flagged"].astype(bool)].sort_values("score", ascending=False)
    return [
        ReviewCase(
            int(row),
            None if point == WHOLE else str(point),
            f"{reason}; {distance:.1f} px from the prediction",
        )
        for row, point, reason, distance in zip(
            flagged["row"].to_numpy(int),
            flagged["point"],
            flagged["reason"],
            flagged["distance"],
            strict=True,
        )
    ]


def worst_cases(faces: FaceSet, holdout: FaceSet, predicted: Points) -> list[ReviewCase]:
    """Return the faces of the hold-out, the largest error first.

    Args:
        faces: All rows of training.csv, in order.
        holdout: Augmented copies are left out.
        predicted: (n, 15, 2) in pixels, on the hold-out.
    """
    square = np.square(predicted - holdout.keypoints).sum(axis=2)
    distance = np.where(holdout.labelled, np.sqrt(square), np.nan)
    known = np.flatnonzero(np.isfinite(distance).any(axis=1) & ~holdout.augmented)
    errors = pd.Series(np.sqrt(np.nanmean(distance[known] ** 2 / 2, axis=1)), known)
    cases = []
    for position, error in errors.sort_values(ascending=False, kind="stable").items():
        at = int(str(position))
        worst = int(np.nanargmax(distance[at]))
        name = KEYPOINTS[worst].replace("_", " ")
        reason = f"RMSE {error:.2f} px; {name} {distance[at, worst]:.1f} px off"
        cases.append(ReviewCase(_row(faces, holdout, at), KEYPOINTS[worst], reason, at))
    return cases


def out_of_fold_points(
    faces: FaceSet, predicted: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.intp], Points]:
    """Return the rows that members of an ensemble were not trained on, and their predictions.

    Args:
        faces: All rows of training.csv, in order.
        predicted: float32 (m, n, 19, 2), of each member; NaN on faces that it was trained on.

    Returns:
        Positions (k,) of the rows, and the members' mean (k, 15, 2) in pixels, each face by the
        convention of its population.
    """
    rows = np.flatnonzero(np.isfinite(predicted).all(axis=(2, 3)).any(axis=0))
    mean = np.nanmean(predicted[:, rows], axis=0)
    heads = np.array([heads_of(0), heads_of(1)])[faces.population[rows]]
    return rows, np.take_along_axis(mean, heads[..., None], axis=1)


def corrected_labels(
    faces: FaceSet, row: int, corrections: Iterable[LabelCorrection]
) -> npt.NDArray[np.float32]:
    """Return the labels of a row (15, 2) in pixels, NaN where it has none, with corrections.

    Args:
        faces: All rows of training.csv, in order.
        row: From 1.
        corrections: Of any rows.
    """
    labels = np.where(faces.labelled[row - 1, :, None], faces.keypoints[row - 1], np.nan)
    for each in corrections:
        if each.row == row:
            labels[KEYPOINTS.index(each.keypoint)] = each.point or np.nan
    return labels.astype(np.float32)


def _row(faces: FaceSet, holdout: FaceSet, position: int) -> int:
    """Row of training.csv, from 1: of several with this image, the one with these labels."""
    rows = np.flatnonzero(faces.group == holdout.group[position])
    known = holdout.labelled[position]
    same = (faces.labelled[rows] == known).all(axis=1) & (
        faces.keypoints[rows][:, known] == holdout.keypoints[position, known]
    ).all(axis=(1, 2))
    return int(rows[same.argmax()]) + 1


def correct_row(
    faces: FaceSet, row: int, keypoint: str | None, points: Points | None
) -> list[LabelCorrection]:
    """Return corrections of a keypoint, or of all labels of a row.

    Args:
        faces: All rows of training.csv, in order.
        row: From 1.
        keypoint: Its name; None for all that are labelled.
        points: (15, 2) in pixels, to move the labels to; None drops them.
    """
    names = [
        name
        for name, labelled in zip(KEYPOINTS, faces.labelled[row - 1], strict=True)
        if (labelled if keypoint is None else name == keypoint)
    ]
    return [LabelCorrection(row, name, _point(name, points)) for name in names]


def _point(name: str, points: Points | None) -> tuple[float, float] | None:
    if points is None:
        return None
    x, y = np.clip(points[KEYPOINTS.index(name)], 0, 96).round(2).tolist()
    return x, y
