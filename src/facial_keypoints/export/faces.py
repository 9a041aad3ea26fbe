"""Faces that the formats of a model are compared on."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from facial_keypoints.errors import InputError
from facial_keypoints.evaluation.records import Champion
from facial_keypoints.evaluation.splits import SplitSummary, check_split
from facial_keypoints.export.records import Truth
from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import POPULATIONS
from facial_keypoints.models.heads import NUM_HEADS
from facial_keypoints.parameters.sections import Population
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


def check_population(population: Population, points: int) -> int:
    """Return the number of a population, 0 for A and 1 for B.

    Args:
        population: By whose convention a model is to predict.
        points: Number of points that it predicts.

    Raises:
        InputError: If the model has none of population B's.
    """
    if population == "B" and points != NUM_HEADS:
        raise InputError(
            "export.population=B: only the ensemble of compete tells the populations' conventions "
            "apart; leave it out, or run: kedro run --pipeline=compete, with the same --env"
        )
    return POPULATIONS.index(population)


def select_population(faces: FaceSet, population: Population) -> FaceSet:
    """Return the labelled faces of a population.

    Args:
        faces: To select from.
        population: A or B.
    """
    own = faces.population == POPULATIONS.index(population)
    return faces.select(own & faces.labelled.any(axis=1))


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
            "the labelled faces have a labelled original image of the population"
        )
    random = np.random.default_rng(seed)
    return faces.select(np.sort(random.permutation(originals)[:count]))
