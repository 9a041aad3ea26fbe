"""Nodes of the evaluate pipeline."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from facial_keypoints.archive.lookup import requested_values
from facial_keypoints.evaluation.leaderboard import check_metrics, rank_variants, select_champion
from facial_keypoints.evaluation.measurement import measure_sets
from facial_keypoints.evaluation.records import Champion, VariantMetrics, points_fingerprint
from facial_keypoints.evaluation.splits import SplitSummary, check_split
from facial_keypoints.faces import FaceSet
from facial_keypoints.image_arrays import image_blocks
from facial_keypoints.keypoints import NUM_KEYPOINTS
from facial_keypoints.metrics import mean_face
from facial_keypoints.parameters import EvaluateParameters, VariantParameters
from facial_keypoints.pipelines import by_variant
from facial_keypoints.plotting.curves import draw_learning_curves
from facial_keypoints.plotting.evaluation import draw_error_per_keypoint
from facial_keypoints.plotting.faces import draw_best_and_worst
from facial_keypoints.training.fingerprints import samples_origin
from facial_keypoints.training.records import Training, check_origin
from facial_keypoints.training.study_plan import StudyPlan

Points = npt.NDArray[np.float32]


def predict_faces(
    training: Training,
    variant: VariantParameters,
    plan: StudyPlan,
    train: FaceSet,
    validation: FaceSet,
    holdout: FaceSet,
    unseen: FaceSet,
    test: FaceSet,
) -> tuple[Points, Points, Points, Points]:
    """Predict the keypoints of every set that the model was not fitted to.

    Args:
        training: Of this variant.
        variant: Its parameters at full scale.
        plan: The scale of all variants, which the training must agree with.
        train: The training set, which the training must agree with.
        validation: The validation set, which the training must agree with.
        holdout: The hold-out.
        unseen: The unseen set.
        test: Kaggle's test set.

    Returns:
        Predictions (n, 15, 2) in pixels for validation, hold-out, unseen and test faces; NaN
        where the training failed.

    Raises:
        InputError: if the training has other parameters or samples.
    """
    check_origin(training, plan.apply(variant), samples_origin(train, validation))
    model = training.load_model() if training.failure is None else None
    of_validation, of_holdout, of_unseen, of_test = (
        _predict(model, faces) for faces in (validation, holdout, unseen, test)
    )
    return of_validation, of_holdout, of_unseen, of_test


def _predict(model: Any, faces: FaceSet) -> Points:
    if model is None or not len(faces):
        return np.full((len(faces), NUM_KEYPOINTS, 2), np.nan, np.float32)
    parts = [
        np.asarray(model.predict(block, batch_size=128, verbose=0), np.float32)
        for block in image_blocks(faces.images)  # Keras copies what it predicts at once
    ]
    return np.concatenate(parts).reshape(-1, NUM_KEYPOINTS, 2)


def measure_variant(
    training: Training,
    validation: FaceSet,
    validation_points: Points,
    holdout: FaceSet,
    holdout_points: Points,
    unseen: FaceSet,
    unseen_points: Points,
    split_summary: SplitSummary,
    lookup: pd.DataFrame,
    evaluate: EvaluateParameters,
) -> VariantMetrics:
    """Measure one variant on the validation set, the hold-out and unseen faces.

    Args:
        training: Of the variant.
        validation: The validation set.
        validation_points: Its predictions (n, 15, 2) in pixels.
        holdout: The hold-out.
        holdout_points: Its predictions.
        unseen: The unseen set, possibly empty.
        unseen_points: Its predictions.
        split_summary: Of the split that made these sets.
        lookup: Kaggle's lookup table, which weights the populations.
        evaluate: The threshold of the failure rate.

    Raises:
        InputError: if a set is not of the split that the summary describes.
    """
    check_split(split_summary, {"validation": validation, "holdout": holdout, "unseen": unseen})
    measured = measure_sets(
        (validation, validation_points),
        (holdout, holdout_points),
        (unseen, unseen_points),
        split_summary.leaks,
        requested_values(lookup),
        evaluate.failure_threshold,
    )
    return replace(measured, fingerprint=training.fingerprint, failure=training.failure)


def measure_mean_face(
    train: FaceSet,
    validation: FaceSet,
    holdout: FaceSet,
    unseen: FaceSet,
    split_summary: SplitSummary,
    lookup: pd.DataFrame,
    evaluate: EvaluateParameters,
) -> tuple[VariantMetrics, Points]:
    """Measure the prediction that every network has to beat: the mean training face.

    Args:
        train: The training set.
        validation: The validation set.
        holdout: The hold-out.
        unseen: The unseen set, possibly empty.
        split_summary: Of the split that made these sets.
        lookup: Kaggle's lookup table, which weights the populations.
        evaluate: The threshold of the failure rate.

    Returns:
        The metrics, and the mean face (15, 2) in pixels.
    """
    mean = mean_face(train.keypoints)
    of_validation, of_holdout, of_unseen = (
        (faces, np.broadcast_to(mean, faces.keypoints.shape))
        for faces in (validation, holdout, unseen)
    )
    measured = measure_sets(
        of_validation,
        of_holdout,
        of_unseen,
        split_summary.leaks,
        requested_values(lookup),
        evaluate.failure_threshold,
    )
    return measured, mean


def compare_variants(
    mean_face_metrics: VariantMetrics, **inputs: Any
) -> tuple[pd.DataFrame, Champion]:
    """Rank the variants by their validation RMSE, and select the best one as the champion.

    Args:
        mean_face_metrics: Metrics of predicting the mean face.
        inputs: "metrics", "training" and "test_predictions" of every variant.

    Returns:
        The leaderboard, best first, and the champion.

    Raises:
        InputError: if metrics are of another training, or no variant could be measured on the
            validation set.
    """
    trainings = by_variant(inputs, "training")
    metrics = by_variant(inputs, "metrics")
    for name, training in trainings.items():
        check_metrics(name, metrics[name], training)
    leaderboard = rank_variants(metrics, trainings, mean_face_metrics)
    champion = select_champion(leaderboard, trainings)
    predictions = by_variant(inputs, "test_predictions")[champion.variant]
    return leaderboard, replace(champion, test_predictions=points_fingerprint(predictions))


def plot_learning_curves(leaderboard: pd.DataFrame, **inputs: Training) -> Figure:
    """Plot the validation RMSE of every variant by epoch.

    Args:
        leaderboard: Gives the order of the variants.
        inputs: "training" of every variant.
    """
    trainings = by_variant(inputs, "training")
    ranked = [name for name in leaderboard["variant"] if name in trainings]
    return draw_learning_curves({name: trainings[name].history for name in ranked})


def plot_error_per_keypoint(mean_face_metrics: VariantMetrics, **inputs: VariantMetrics) -> Figure:
    """Plot the hold-out RMSE of every variant per keypoint.

    Args:
        mean_face_metrics: Metrics of predicting the mean face.
        inputs: "metrics" of every variant.
    """
    return draw_error_per_keypoint(by_variant(inputs, "metrics"), mean_face_metrics)


def plot_best_and_worst(
    holdout: FaceSet, champion: Champion, evaluate: EvaluateParameters, **inputs: Points
) -> Figure:
    """Plot the champion's best and worst hold-out faces.

    Args:
        holdout: The hold-out.
        champion: Names the variant.
        evaluate: The number of faces.
        inputs: "holdout_predictions" of every variant.
    """
    predicted = by_variant(inputs, "holdout_predictions")[champion.variant]
    heading = f"{champion.variant}: best and worst hold-out faces (mean error)"
    return draw_best_and_worst(holdout, predicted, evaluate.grid_faces, heading)
