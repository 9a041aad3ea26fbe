"""The competition with a fifth of its faces held out, which benchmarks of training measure on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from facial_keypoints.archive.competition import CompetitionArchive
from facial_keypoints.archive.faces import read_test_faces, read_training_faces
from facial_keypoints.archive.lookup import requested_values
from facial_keypoints.faces import FaceSet
from facial_keypoints.label_audit.audit import acted_on
from facial_keypoints.pipelines.compete.estimate import squared_errors
from facial_keypoints.pipelines.compete.folds import fold_faces, group_faces

Floats = npt.NDArray[np.floating]

HELD_OUT_FOLDS = (0, 1)
"""Of ten, grouped by photograph."""


@dataclass(frozen=True)
class Competition:
    """Training faces, which of them are held out, which labels are suspect, (n, 15), and how many
    values the lookup table asks of each population.
    """

    faces: FaceSet
    held_out: npt.NDArray[np.bool_]
    suspect: npt.NDArray[np.bool_]
    asked: dict[str, int]

    def errors(self, points: Floats) -> tuple[Floats, Floats]:
        """Of points (k, 15, 2) of the faces held out: each one's sum of squared errors, and of
        how many coordinates. Suspect labels do not count.
        """
        labels = np.where(self.suspect[..., None], np.nan, self.faces.keypoints)[self.held_out]
        return squared_errors(labels, points.astype(np.float32))

    def rmse(
        self, sums: Floats, counts: Floats, rows: npt.NDArray[np.integer] | None = None
    ) -> Floats:
        """RMSE of A, of B and as the leaderboard weighs them; of some of the faces held out."""
        population = self.faces.population[self.held_out]
        if rows is not None:
            sums, counts, population = sums[rows], counts[rows], population[rows]
        of_a, of_b = (
            sums[population == code].sum() / counts[population == code].sum() for code in (0, 1)
        )
        asked = self.asked
        together = (asked["A"] * of_a + asked["B"] * of_b) / (asked["A"] + asked["B"])
        return np.asarray(np.sqrt([of_a, of_b, together]))


def read_competition(archive: Path, label_issues: Path) -> Competition:
    """Both tables of the archive, and the label_issues.csv of an earlier run."""
    opened = CompetitionArchive(archive)
    faces = read_training_faces(opened)
    _, lookup = read_test_faces(opened)
    folds = fold_faces(faces, group_faces(faces), seed=0)
    suspect = acted_on(pd.read_csv(label_issues), len(faces))
    return Competition(faces, np.isin(folds, HELD_OUT_FOLDS), suspect, requested_values(lookup))
