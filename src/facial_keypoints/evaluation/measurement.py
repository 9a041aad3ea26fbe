"""Measure predictions on sets of faces."""

import math
from collections.abc import Mapping
from functools import partial

import numpy as np
import numpy.typing as npt

from facial_keypoints import metrics
from facial_keypoints.errors import InputError
from facial_keypoints.evaluation.records import SetMetrics, VariantMetrics
from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import POPULATIONS

Points = npt.NDArray[np.float32]


def measure_sets(
    validation: tuple[FaceSet, Points],
    holdout: tuple[FaceSet, Points],
    unseen: tuple[FaceSet, Points],
    leaks: bool,
    requested: Mapping[str, int],
    failure_threshold: float,
) -> VariantMetrics:
    """Measure predictions on each set of a split.

    Args:
        validation: Faces and their predictions (n, 15, 2) in pixels.
        holdout: The same for the hold-out.
        unseen: The same for the unseen set, which may be empty.
        leaks: Whether the hold-out has copies in training; without them, the hold-out's
            metrics are those of unseen faces.
        requested: Number of values that the lookup table requests, by population.
        failure_threshold: NME above which a face counts as failed.
    """
    measure_set = partial(measure, requested=requested, failure_threshold=failure_threshold)
    on_holdout = measure_set(*holdout)
    on_unseen = None if leaks else on_holdout
    if len(unseen[0]):
        on_unseen = measure_set(*unseen)
    return VariantMetrics(measure_set(*validation), on_holdout, on_unseen)


def measure(
    faces: FaceSet, predicted: Points, requested: Mapping[str, int], failure_threshold: float
) -> SetMetrics:
    """Measure predictions on one set.

    Args:
        faces: N labelled faces.
        predicted: Predictions (n, 15, 2) in pixels.
        requested: Number of values that the lookup table requests, by population.
        failure_threshold: NME above which a face counts as failed.

    Raises:
        InputError: if the predictions are of other faces.
    """
    if predicted.shape != faces.keypoints.shape:
        raise InputError(
            f"predictions have the shape {predicted.shape}, and their faces need "
            f"{faces.keypoints.shape}; predict again: kedro run --pipeline=evaluate, with the same "
            "--env and --params"
        )
    original = ~faces.augmented
    truth, guess = faces.keypoints[original], predicted[original]
    placed, population = faces.labelled[original], faces.population[original]
    by_population = {
        name: metrics.rmse(truth[rows], guess[rows], placed[rows])
        for name, rows in ((name, population == code) for code, name in enumerate(POPULATIONS))
    }
    per_keypoint = metrics.rmse_per_keypoint(truth, guess, placed)
    return SetMetrics(
        samples=len(faces),
        faces=int(original.sum()),
        mse=_known(metrics.mse(faces.keypoints, predicted)),
        paper_accuracy=_known(metrics.paper_accuracy(faces.keypoints, predicted)),
        rmse=_known(metrics.rmse(truth, guess, placed)),
        rmse_a=_known(by_population["A"]),
        rmse_b=_known(by_population["B"]),
        rmse_leaderboard=_known(metrics.weighted_rmse(by_population, requested)),
        nme=_known(metrics.nme(truth, guess, placed)),
        failure_rate=_known(metrics.failure_rate(truth, guess, placed, failure_threshold)),
        rmse_per_keypoint={name: _known(value) for name, value in per_keypoint.items()},
    )


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
