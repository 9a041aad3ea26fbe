"""Read the archive's tables into ``FaceSet``, the container of every later step."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from facial_keypoints.archive.competition import CompetitionArchive
from facial_keypoints.archive.lookup import lookup_populations
from facial_keypoints.archive.tables import (
    read_lookup_table,
    read_test_table,
    read_training_table,
)
from facial_keypoints.faces import FaceSet
from facial_keypoints.image_arrays import image_hashes
from facial_keypoints.keypoints import NUM_KEYPOINTS, POPULATION_B_INDEX


def read_training_faces(archive: CompetitionArchive) -> FaceSet:
    """Return the rows of training.csv; keypoints are NaN where a label is missing.

    A keypoint with only one coordinate counts as missing. Rows with a keypoint other than the
    four of population B belong to population A. Rows with identical images have the same
    ``group``: the position of the first of them.

    Raises:
        InputError: if the archive or a row of the table is not valid.
    """
    with archive.open("training.csv") as stream:
        labels, images = read_training_table(stream, "training.csv")
    keypoints = labels.to_numpy(np.float32, copy=True).reshape(-1, NUM_KEYPOINTS, 2)
    labelled = np.isfinite(keypoints).all(axis=2)
    keypoints[~labelled] = np.nan
    only_a = np.delete(np.arange(NUM_KEYPOINTS), POPULATION_B_INDEX)
    return FaceSet(
        images=images,
        keypoints=keypoints,
        labelled=labelled,
        group=_first_identical(images),
        population=(~labelled[:, only_a].any(axis=1)).astype(np.int8),
        augmented=np.zeros(len(images), dtype=bool),
    )


def read_test_faces(archive: CompetitionArchive) -> tuple[FaceSet, pd.DataFrame]:
    """Return the images of test.csv and the lookup table.

    Returns:
        Faces without labels, whose ``group`` is their ImageId, and RowId, ImageId and FeatureName
        of every requested value. The population follows from the requested keypoints; it is A
        for an image of which none is requested.

    Raises:
        InputError: if the archive or a row of the tables is not valid.
    """
    with archive.open("test.csv") as stream:
        image_ids, images = read_test_table(stream, "test.csv")
    with archive.open("IdLookupTable.csv") as stream:
        lookup = read_lookup_table(stream, "IdLookupTable.csv", image_ids.tolist())
    population = lookup_populations(lookup).reindex(image_ids, fill_value=0)
    n = len(images)
    faces = FaceSet(
        images=images,
        keypoints=np.full((n, NUM_KEYPOINTS, 2), np.nan, dtype=np.float32),
        labelled=np.zeros((n, NUM_KEYPOINTS), dtype=bool),
        group=image_ids,
        population=population.to_numpy(dtype=np.int8),
        augmented=np.zeros(n, dtype=bool),
    )
    return faces, lookup


def _first_identical(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """Return the position of the first image identical to each, int32 (n,)."""
    codes, _ = pd.factorize(pd.Series(image_hashes(images)))
    first = pd.Series(np.arange(len(images))).groupby(codes).transform("min")
    return first.to_numpy(np.int32)
