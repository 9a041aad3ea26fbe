"""Nodes of the clean pipeline."""

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from facial_keypoints.archive.competition import CompetitionArchive
from facial_keypoints.archive.corrections import correct_labels
from facial_keypoints.archive.data_checks import check_data
from facial_keypoints.archive.data_issues import DataIssue, DataIssues
from facial_keypoints.archive.faces import read_test_faces, read_training_faces
from facial_keypoints.archive.lookup import requested_values
from facial_keypoints.errors import InputError
from facial_keypoints.faces import FaceSet
from facial_keypoints.formatting import format_count
from facial_keypoints.keypoints import KEYPOINTS, POPULATIONS
from facial_keypoints.label_audit.geometry import LabelIssue, find_label_issues
from facial_keypoints.parameters import CleanParameters
from facial_keypoints.plotting.faces import draw_faces

logger = logging.getLogger(__name__)

_GRID_ROWS = 8
"""Faces per population, and label issues, in the grid."""


@dataclass(frozen=True)
class DataReport:
    """Counts of the competition's tables.

    Attributes:
        training_rows: Rows of training.csv.
        complete_rows: Those with all 15 keypoints.
        rows_by_population: Training rows of each population.
        missing_labels: Rows without a label, for each keypoint.
        distinct_images: Different images among the training rows.
        repeated_images: Images that occur in more than one row.
        test_images: Rows of test.csv.
        requested_values: Rows of IdLookupTable.csv.
        requested_values_by_population: Those of each population.
        label_issues: Rows whose labels cannot be right.
        data_issues: What the tables as a whole look like, other than they claim.
    """

    training_rows: int
    complete_rows: int
    rows_by_population: dict[str, int]
    missing_labels: dict[str, int]
    distinct_images: int
    repeated_images: int
    test_images: int
    requested_values: int
    requested_values_by_population: dict[str, int]
    label_issues: list[LabelIssue]
    data_issues: list[DataIssue]


def read_faces(
    archive: CompetitionArchive, clean: CleanParameters
) -> tuple[FaceSet, FaceSet, pd.DataFrame, DataIssues]:
    """Return the checked training faces, test faces and lookup table, and what the checks found.

    Args:
        archive: The competition's archive.
        clean: ``accept`` names checks that may fail; ``corrections`` a file with corrected labels,
            which are applied after the checks.

    Raises:
        InputError: if the archive, a row or a correction is not valid, or the tables are not what
            they claim.
    """
    faces = read_training_faces(archive)
    test_faces, lookup = read_test_faces(archive)
    issues = check_data(faces, test_faces, lookup, clean.accept)
    return correct_labels(faces, clean.corrections), test_faces, lookup, issues


def treat_missing_labels(faces: FaceSet, clean: CleanParameters) -> FaceSet:
    """Return the faces with missing labels treated as ``clean.missing_labels`` says.

    Args:
        faces: Training faces, NaN where a label is missing.
        clean: ``mask`` keeps NaN; ``drop`` keeps complete rows only; ``forward_fill`` takes the
            last known value of the rows before, which does not count as labelled.

    Raises:
        InputError: if ``drop`` leaves no row.

    Source:
        ``forward_fill``: the paper, section 3.
    """
    if clean.missing_labels == "drop":
        if not faces.complete.any():
            raise InputError(
                "clean.missing_labels=drop leaves no row: none has all 15 keypoints; use mask"
            )
        return faces.select(faces.complete)
    if clean.missing_labels == "forward_fill":
        flat = pd.DataFrame(faces.keypoints.reshape(len(faces), -1)).ffill()
        filled = flat.to_numpy(np.float32).reshape(faces.keypoints.shape)
        return FaceSet(**{**faces.arrays(), "keypoints": filled})
    return faces


def summarize_faces(
    faces: FaceSet, test_faces: FaceSet, lookup: pd.DataFrame, data_issues: DataIssues
) -> DataReport:
    """Return counts of the tables: rows, missing labels, populations, duplicates, label issues.

    Args:
        faces: Training faces, as they are in training.csv.
        test_faces: Test faces.
        lookup: The lookup table: RowId, ImageId and FeatureName.
        data_issues: From ``read_faces``.
    """
    by_population = np.bincount(faces.population, minlength=len(POPULATIONS)).tolist()
    missing = (~faces.labelled).sum(axis=0).tolist()
    rows_per_image = pd.Series(faces.group).value_counts()
    report = DataReport(
        training_rows=len(faces),
        complete_rows=int(faces.complete.sum()),
        rows_by_population=dict(zip(POPULATIONS, by_population, strict=True)),
        missing_labels=dict(zip(KEYPOINTS, missing, strict=True)),
        distinct_images=len(rows_per_image),
        repeated_images=int((rows_per_image > 1).sum()),
        test_images=len(test_faces),
        requested_values=len(lookup),
        requested_values_by_population=requested_values(lookup),
        label_issues=find_label_issues(faces),
        data_issues=data_issues.found,
    )
    _log_report(report)
    return report


def draw_face_grid(faces: FaceSet, data_report: DataReport) -> Figure:
    """Return a grid of labelled faces of each population, and of the first label issues.

    Args:
        faces: Training faces, as they are in training.csv.
        data_report: Names the rows with label issues.
    """
    rows: list[int] = []
    titles: list[str] = []
    for code, name in enumerate(POPULATIONS):
        members = np.flatnonzero(faces.population == code)
        count = min(_GRID_ROWS, len(members))
        shown = members[np.linspace(0, len(members) - 1, num=count).astype(int)].tolist()
        rows += shown
        titles += [f"{name}, row {row + 1}" for row in shown]
    issues = data_report.label_issues[:_GRID_ROWS]
    rows += [issue.row - 1 for issue in issues]
    titles += [f"row {issue.row}: label issue" for issue in issues]
    heading = "Labelled faces of populations A (15 keypoints) and B (4 keypoints)"
    return draw_faces(faces.images[rows], titles, truth=faces.keypoints[rows], heading=heading)


def _log_report(report: DataReport) -> None:
    logger.info(
        "%s training rows (%s), %s complete; %s test images",
        f"{report.training_rows:,}",
        ", ".join(f"{count:,} {name}" for name, count in report.rows_by_population.items()),
        f"{report.complete_rows:,}",
        f"{report.test_images:,}",
    )
    logger.info(
        "%s, %s with label issues",
        format_count(report.repeated_images, "repeated image"),
        format_count(len(report.label_issues), "row"),
    )
