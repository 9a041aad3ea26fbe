"""The competition with a fifth of its faces held out, for benchmarks that compare accuracy."""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from facial_keypoints.archive.competition import CompetitionArchive
from facial_keypoints.archive.faces import read_test_faces, read_training_faces
from facial_keypoints.archive.lookup import requested_values
from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import POPULATIONS
from facial_keypoints.label_audit.audit import flagged_keypoints
from facial_keypoints.models.heads import Points
from facial_keypoints.pipelines.compete.estimate import Errors, squared_errors
from facial_keypoints.pipelines.compete.folds import fold_faces, group_faces

Figures = npt.NDArray[np.float64]

HELD_OUT_FOLDS = (0, 1)
"""Of ten, grouped by photograph."""


@dataclass(frozen=True)
class Competition:
    """Training faces, some of them held out.

    Attributes:
        faces: All training faces.
        held_out: (n,), which of them are held out.
        flagged: (n, 15), labels that the audit flags.
        requested: Values that the lookup table requests of each population.
    """

    faces: FaceSet
    held_out: npt.NDArray[np.bool_]
    flagged: npt.NDArray[np.bool_]
    requested: dict[str, int]

    def errors(self, points: Points) -> Errors:
        """Return the squared errors of each held-out face; flagged labels do not count.

        Args:
            points: (k, 15, 2), predictions in pixels.
        """
        labels = np.where(self.flagged[..., None], np.nan, self.faces.keypoints)[self.held_out]
        return squared_errors(labels, points)

    def rmse(self, errors: Errors, rows: npt.NDArray[np.integer] | None = None) -> Figures:
        """Return the RMSE in pixels of A, of B, and as the leaderboard weighs them.

        Args:
            errors: See ``errors``.
            rows: Some of the held-out faces; None takes all.
        """
        sums, counts = errors
        population = self.faces.population[self.held_out]
        if rows is not None:
            sums, counts, population = sums[rows], counts[rows], population[rows]
        mse = [sums[population == code].sum() / counts[population == code].sum() for code in (0, 1)]
        weights = [self.requested[name] for name in POPULATIONS]
        return np.asarray(np.sqrt([*mse, np.average(mse, weights=weights)]))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``read_competition``."""
    parser.add_argument("archive", type=Path, help="the competition's zip")
    parser.add_argument(
        "--label-issues",
        type=Path,
        required=True,
        metavar="CSV",
        help="label_issues.csv of an earlier run of the compete pipeline on the archive",
    )


def read_competition(archive: Path, label_issues: Path) -> Competition:
    """Return the competition.

    Args:
        archive: Its zip.
        label_issues: The label_issues.csv of an earlier run.
    """
    opened = CompetitionArchive(archive)
    faces = read_training_faces(opened)
    _, lookup = read_test_faces(opened)
    folds = fold_faces(faces, group_faces(faces), seed=0)
    return Competition(
        faces=faces,
        held_out=np.isin(folds, HELD_OUT_FOLDS),
        flagged=flagged_keypoints(pd.read_csv(label_issues), len(faces)),
        requested=requested_values(lookup),
    )
