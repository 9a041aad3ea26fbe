"""Nodes of the clean stage."""

import logging
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from facial_keypoints.archive.competition import CompetitionArchive
from facial_keypoints.archive.lookup import lookup_populations, requested_values
from facial_keypoints.archive.tables import (
    read_lookup_table,
    read_test_table,
    read_training_table,
)
from facial_keypoints.errors import InputError
from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import (
    KEYPOINTS,
    LEFT_EYE,
    NUM_KEYPOINTS,
    POPULATION_B_INDEX,
    POPULATIONS,
    RIGHT_EYE,
)
from facial_keypoints.metrics import MIN_EYE_DISTANCE
from facial_keypoints.parameters import CleanParameters
from facial_keypoints.plotting.faces import draw_faces

logger = logging.getLogger(__name__)

MAX_DISAGREEMENT = 10.0
"""Pixels by which two labels of one picture may differ before both rows are suspect."""


def read_training_faces(archive: CompetitionArchive) -> FaceSet:
    """The rows of training.csv as they are: NaN where a label is missing.

    A point of which only one coordinate is given counts as missing. Rows with any point beyond
    the four of population B belong to population A. Rows with identical pictures share a
    ``group``, the first of them.
    """
    with archive.open("training.csv") as stream:
        labels, images = read_training_table(stream, "training.csv")
    keypoints = labels.to_numpy(np.float32, copy=True).reshape(-1, NUM_KEYPOINTS, 2)
    labelled = np.isfinite(keypoints).all(axis=2)
    keypoints[~labelled] = np.nan
    others = np.delete(np.arange(NUM_KEYPOINTS), POPULATION_B_INDEX)
    return FaceSet(
        images=images,
        keypoints=keypoints,
        labelled=labelled,
        group=_first_identical(images),
        population=(~labelled[:, others].any(axis=1)).astype(np.int8),
        augmented=np.zeros(len(images), dtype=bool),
    )


def read_test_faces(archive: CompetitionArchive) -> tuple[FaceSet, pd.DataFrame]:
    """The pictures of test.csv (``group`` is their ImageId), and the lookup table.

    The population follows from what the lookup table asks; a picture that it does not ask for
    is taken to be of population A.
    """
    with archive.open("test.csv") as stream:
        image_ids, images = read_test_table(stream, "test.csv")
    with archive.open("IdLookupTable.csv") as stream:
        lookup = read_lookup_table(stream, "IdLookupTable.csv", image_ids.tolist())
    n = len(images)
    faces = FaceSet(
        images=images,
        keypoints=np.full((n, NUM_KEYPOINTS, 2), np.nan, dtype=np.float32),
        labelled=np.zeros((n, NUM_KEYPOINTS), dtype=bool),
        group=image_ids,
        population=lookup_populations(lookup)
        .reindex(image_ids, fill_value=0)
        .to_numpy(dtype=np.int8),
        augmented=np.zeros(n, dtype=bool),
    )
    return faces, lookup


def treat_missing_labels(faces: FaceSet, clean: CleanParameters) -> FaceSet:
    """Apply ``clean.missing_labels``: ``mask`` keeps NaN, ``drop`` keeps complete rows only,
    ``forward_fill`` takes the last known value of the rows before (the paper's section 3).

    Raises:
        InputError: if ``drop`` leaves no row.
    """
    if clean.missing_labels == "drop":
        if not faces.complete.any():
            raise InputError(
                "clean.missing_labels=drop leaves no row: none has all 15 points; use mask"
            )
        return faces.select(faces.complete)
    if clean.missing_labels == "forward_fill":
        flat = pd.DataFrame(faces.keypoints.reshape(len(faces), -1)).ffill()
        filled = flat.to_numpy(np.float32).reshape(faces.keypoints.shape)
        return FaceSet(**{**faces.arrays(), "keypoints": filled})
    return faces


def summarize_faces(faces: FaceSet, test_faces: FaceSet, lookup: pd.DataFrame) -> dict[str, Any]:
    """What the tables hold: counts, missing labels, populations, duplicates, suspect labels.

    Rows are numbered from 1, as they stand in training.csv.
    """
    label_issues = find_label_issues(faces)
    per_population = {
        name: int((faces.population == code).sum()) for code, name in enumerate(POPULATIONS)
    }
    groups = pd.Series(faces.group).value_counts()
    account = {
        "training_rows": len(faces),
        "complete_rows": int(faces.complete.sum()),
        "rows_by_population": per_population,
        "missing_labels": {
            name: int((~faces.labelled[:, i]).sum()) for i, name in enumerate(KEYPOINTS)
        },
        "distinct_pictures": len(groups),
        "pictures_that_repeat": int((groups > 1).sum()),
        "test_pictures": len(test_faces),
        "requested_values": len(lookup),
        "requested_values_by_population": requested_values(lookup),
        "label_issues": [{"row": row, "reason": reason} for row, reason in label_issues.items()],
    }
    logger.info(
        "%s training rows (%s), %s with all 15 points, %s pictures that repeat, "
        "%s rows with suspect labels; %s test pictures",
        f"{len(faces):,}",
        ", ".join(f"{count:,} {name}" for name, count in per_population.items()),
        f"{account['complete_rows']:,}",
        f"{account['pictures_that_repeat']:,}",
        f"{len(label_issues):,}",
        f"{len(test_faces):,}",
    )
    return account


def find_label_issues(faces: FaceSet) -> dict[int, str]:
    """Rows (from 1) whose labels cannot be right, by plain geometry, with the reason.

    Eyes on the wrong sides or closer than ``MIN_EYE_DISTANCE``, and two labels of one picture
    within a population that differ by more than ``MAX_DISAGREEMENT`` pixels.
    """
    label_issues: dict[int, str] = {}
    eyes = faces.keypoints[:, LEFT_EYE] - faces.keypoints[:, RIGHT_EYE]
    with np.errstate(invalid="ignore"):
        for row in np.flatnonzero(eyes[:, 0] < 0):
            label_issues[int(row) + 1] = "left eye to the left of the right eye"
        for row in np.flatnonzero(np.linalg.norm(eyes, axis=1) < MIN_EYE_DISTANCE):
            label_issues[int(row) + 1] = f"eyes closer than {MIN_EYE_DISTANCE:g} px"
    points = pd.DataFrame(faces.keypoints.reshape(len(faces), -1))
    same = points.groupby([faces.group, faces.population])
    spread = (same.transform("max") - same.transform("min")).where(points.notna())
    for row in np.flatnonzero((spread > MAX_DISAGREEMENT).any(axis=1)):
        label_issues.setdefault(int(row) + 1, "labels of the same picture disagree")
    return dict(sorted(label_issues.items()))


def draw_face_grid(faces: FaceSet, account: dict[str, Any]) -> Figure:
    """Faces of each population with their labels, and the first suspect rows of the account."""
    rows: list[int] = []
    titles: list[str] = []
    for code, name in enumerate(POPULATIONS):
        found = np.flatnonzero(faces.population == code)
        spread = found[np.linspace(0, len(found) - 1, num=min(8, len(found))).astype(int)]
        rows += spread.tolist()
        titles += [f"{name}, row {row + 1}" for row in spread]
    label_issues = [suspect["row"] for suspect in account["label_issues"][:8]]
    rows += [row - 1 for row in label_issues]
    titles += [f"row {row}: suspect" for row in label_issues]
    return draw_faces(
        faces.images[rows], titles, truth=faces.keypoints[rows], heading="Labelled faces"
    )


def _first_identical(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """Position of the first picture identical to each, int32 (n,)."""
    pictures = pd.Series([image.tobytes() for image in images])
    codes, _ = pd.factorize(pictures)
    first = pd.Series(np.arange(len(images))).groupby(codes).transform("min")
    return first.to_numpy(np.int32)
