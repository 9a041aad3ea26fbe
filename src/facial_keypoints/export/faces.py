"""Faces that the formats of a model are compared on."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from facial_keypoints.errors import InputError
from facial_keypoints.evaluation.champion import UnseenFaces
from facial_keypoints.evaluation.records import Champion
from facial_keypoints.evaluation.splits import SplitSummary, check_split
from facial_keypoints.export.records import Truth
from facial_keypoints.faces import FaceSet
from facial_keypoints.training.records import Training

_RUN_FULL: Final = "run: kedro run --pipeline=full, with the same --env and --params"


def check_holdout(
    training: Training, holdout: FaceSet | None, split: SplitSummary | None
) -> FaceSet:
    """Return a hold-out that a model was not trained on.

    Args:
        training: The champion's.
        holdout: The hold-out of the last split; None without one.
        split: Of the last split.

    Raises:
        InputError: If the hold-out is missing, or the training belongs to another split.
    """
    variant = training.record.variant
    if holdout is None or split is None:
        raise InputError(f"the hold-out that {variant} was measured on is missing; {_RUN_FULL}")
    check_split(split, {"holdout": holdout})
    if training.record.origin.get("training samples") != split.train.digest:
        raise InputError(
            f"{variant} was trained on another split than that of the last run; {_RUN_FULL}"
        )
    return holdout


def truth_of(champion: Champion, answer_key: pd.DataFrame) -> Truth:
    """Return which labels the champion's errors are measured against.

    Args:
        champion: A variant of a study has been measured on the hold-out; an ensemble was not.
        answer_key: True values of the test images; no rows where only Kaggle knows them.
    """
    if champion.holdout_rmse is not None:
        return "hold-out"
    return "out-of-fold faces" if answer_key.empty else "answer key"


def out_of_fold_faces(unseen: UnseenFaces) -> FaceSet:
    """Return labelled faces of population A that one member was not trained on.

    Args:
        unseen: Of an ensemble.
    """
    faces = unseen.faces
    return faces.select((faces.population == 0) & faces.labelled.any(axis=1))


def choose_faces(faces: FaceSet, count: int, seed: int) -> FaceSet:
    """Return at most ``count`` original faces, drawn at random, in their order.

    Args:
        faces: To draw from.
        count: Number of faces.
        seed: Of the draw.

    Raises:
        InputError: If there is no face.
    """
    originals: npt.NDArray[np.int64] = np.flatnonzero(~faces.augmented)
    if not len(originals):
        raise InputError(
            "there is no face to compare the formats on: neither the hold-out nor the test set nor "
            "the labelled faces have an original image of population A"
        )
    random = np.random.default_rng(seed)
    return faces.select(np.sort(random.permutation(originals)[:count]))
