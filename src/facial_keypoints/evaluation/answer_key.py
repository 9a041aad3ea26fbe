"""True points of test faces, where they are known."""

from dataclasses import replace

import numpy as np
import pandas as pd

from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import COORDINATE_COLUMNS


def label_test_faces(test: FaceSet, answer_key: pd.DataFrame, lookup: pd.DataFrame) -> FaceSet:
    """Return the test faces with the answer key's values as labels.

    Args:
        test: The test images; ``group`` is their ImageId.
        answer_key: RowId and the true Location; no rows where only Kaggle knows them.
        lookup: The lookup table: RowId, ImageId and FeatureName.

    Returns:
        The faces; without an answer key, no keypoint is labelled.
    """
    known = lookup.merge(answer_key[["RowId", "Location"]], on="RowId", suffixes=("_asked", ""))
    image = pd.Index(test.group).get_indexer(pd.Index(known["ImageId"]))
    column = pd.Index(COORDINATE_COLUMNS).get_indexer(pd.Index(known["FeatureName"]))
    values = np.full((len(test), len(COORDINATE_COLUMNS)), np.nan, np.float32)
    values[image, column] = known["Location"]
    keypoints = values.reshape(test.keypoints.shape)
    labelled = np.asarray(np.isfinite(keypoints).all(axis=2))
    return replace(test, keypoints=keypoints, labelled=labelled)
