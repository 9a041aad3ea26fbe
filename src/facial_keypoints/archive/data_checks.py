"""Check whole tables for data that can be read but are not what they claim to be.

Cells are checked by ``tables``. These checks look at all rows together: labels that are filled in,
scaled, swapped or shifted, images without content, and images that do not belong to the labels.

The limits lie between what Kaggle's labels, its 55 published rows with images, a set of 5,933 real
faces in Kaggle's layout and 26 synthetic competitions of 20 to 1,500 faces show, and what the same
data show once they are spoilt. Each constant gives both numbers.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from facial_keypoints.archive.data_issues import MIN_REPEATS, MIN_WRONG, DataIssue, DataIssues
from facial_keypoints.archive.image_checks import check_contents, check_match, check_test_images
from facial_keypoints.archive.label_checks import check_labels
from facial_keypoints.errors import InputError
from facial_keypoints.faces import FaceSet
from facial_keypoints.image_arrays import image_hashes
from facial_keypoints.parameters import DataCheck

logger = logging.getLogger(__name__)

_MAX_REPEATED: Final = 0.05
"""Fraction of rows that show one image; Kaggle's most frequent image occurs a few times."""
_MAX_FRACTION: Final = 0.1
"""Fraction of repeated rows, of test images in training.csv, and of test images without a requested
value; none occurs in honest sets."""


def check_data(
    faces: FaceSet, test_faces: FaceSet, lookup: pd.DataFrame, accept: Sequence[DataCheck]
) -> DataIssues:
    """Return what the tables look like, other than they claim, and log it as warnings.

    Args:
        faces: Training faces, as they are in training.csv.
        test_faces: Test faces.
        lookup: The lookup table: RowId, ImageId and FeatureName.
        accept: Checks whose findings are meant so.

    Raises:
        InputError: if a finding has no sensible reading and is not accepted.
    """
    issues = [
        replace(issue, accepted=issue.check in accept)
        for issue in find_data_issues(faces, test_faces, lookup)
    ]
    refused = [issue for issue in issues if issue.severity == "error" and not issue.accepted]
    for issue in issues:
        if issue not in refused:
            state = " (accepted)" if issue.accepted else ""
            logger.warning("%s: %s%s", issue.check, issue.message, state)
    if refused:
        names = "+".join(dict.fromkeys(issue.check for issue in refused))
        raise InputError(
            f"{'; '.join(f'{issue.check}: {issue.message}' for issue in refused)}. If the data are "
            f"meant so: --params clean.accept={names}"
        )
    return DataIssues(issues)


def find_data_issues(faces: FaceSet, test_faces: FaceSet, lookup: pd.DataFrame) -> list[DataIssue]:
    """Return what the tables look like, other than they claim.

    Args:
        faces: Training faces, as they are in training.csv.
        test_faces: Test faces.
        lookup: The lookup table: RowId, ImageId and FeatureName.
    """
    distinct = _distinct_rows(faces)
    labels = check_labels(faces.keypoints[distinct], faces.population[distinct])
    contents = [
        *check_contents(faces.images, "training.csv"),
        *check_contents(test_faces.images, "test.csv"),
    ]
    issues = [*_check_repeats(faces, test_faces), *labels, *contents]
    if not any(issue.severity == "error" for issue in issues):
        issues += check_match(faces, distinct) or check_test_images(faces.images, test_faces.images)
    return [*issues, *_check_tables(faces, test_faces, lookup)]


def _distinct_rows(faces: FaceSet) -> npt.NDArray[np.bool_]:
    """Return which rows differ from all earlier ones in image or labels, bool (n,)."""
    table = pd.DataFrame(faces.keypoints.reshape(len(faces), -1)).assign(group=faces.group)
    return ~table.duplicated().to_numpy()


def _check_repeats(faces: FaceSet, test_faces: FaceSet) -> list[DataIssue]:
    """Find one image in many rows, and rows that repeat another exactly."""
    issues = []
    tables: dict[str, npt.NDArray[np.int32] | list[bytes]] = {
        "training.csv": faces.group,
        "test.csv": image_hashes(test_faces.images),
    }
    for table, images in tables.items():
        most = int(pd.Series(images).value_counts().iloc[0])
        if most >= max(MIN_REPEATS, _MAX_REPEATED * len(images)):
            severity: Literal["error", "warning"] = "error" if 2 * most > len(images) else "warning"
            message = f"{table}: {most:,} of {len(images):,} rows show the same image"
            issues.append(DataIssue("identical_images", most, message, severity))
    repeated = int((~_distinct_rows(faces)).sum())
    if not issues and repeated >= max(MIN_REPEATS, _MAX_FRACTION * len(faces)):
        message = (
            f"training.csv: {repeated:,} of {len(faces):,} rows repeat the image and the labels of "
            "an earlier row"
        )
        issues.append(DataIssue("repeated_rows", repeated, message, "warning"))
    return issues


def _check_tables(faces: FaceSet, test_faces: FaceSet, lookup: pd.DataFrame) -> list[DataIssue]:
    """Find test images that are in training.csv, or that the lookup table does not name."""
    known = set(image_hashes(faces.images))
    n = len(test_faces)
    shared = sum(image in known for image in image_hashes(test_faces.images))
    unrequested = int((~np.isin(test_faces.group, lookup["ImageId"].to_numpy())).sum())
    findings: dict[DataCheck, tuple[int, str]] = {
        "shared_images": (shared, "are in training.csv as well"),
        "unrequested_images": (unrequested, "have no row in IdLookupTable.csv"),
    }
    return [
        DataIssue(check, count, f"test.csv: {count:,} of {n:,} images {what}", "warning")
        for check, (count, what) in findings.items()
        if count >= max(MIN_WRONG, _MAX_FRACTION * n)
    ]
