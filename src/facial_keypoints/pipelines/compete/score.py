"""What the ensemble predicts on the test images, and what the submission will score."""

import logging
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from facial_keypoints.archive.lookup import mean_requested, requested_values
from facial_keypoints.faces import FaceSet
from facial_keypoints.formatting import join_names
from facial_keypoints.keypoints import (
    KEYPOINTS,
    NUM_KEYPOINTS,
    POPULATION_B_INDEX,
    POPULATIONS,
)
from facial_keypoints.label_audit.audit import audit_faces, flagged_keypoints
from facial_keypoints.metrics import mean_face, mse, rmse
from facial_keypoints.models.heads import NUM_HEADS, Points, choose_heads, from_heads
from facial_keypoints.parameters import CompetitionParameters
from facial_keypoints.pipelines.compete.estimate import (
    Errors,
    Interval,
    ambiguity,
    draw_deviations,
    estimate_mse,
    mean_of_other_folds,
    squared_errors,
    summarise,
)
from facial_keypoints.pipelines.compete.plan import NUM_HALVES
from facial_keypoints.pipelines.compete.records import FirstStage, Folds, Members

logger = logging.getLogger(__name__)

Rows = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ScoreEstimate:
    """What the submission will score: RMSE in pixels with 95 % intervals.

    Attributes:
        members: Models in the ensemble.
        requested: Values that the lookup table requests of each population.
        without_label_issues: By population and as the leaderboard weighs them, without the labels
            that the audit flags; Kaggle's hidden labels should contain few wrong ones.
        with_label_issues: The same with all labels.
        predicted_by: "ensemble" or "mean face" for each population: the mean of its labels predicts
            where the models are expected to do worse, as after a few steps only.
        averaging_gain: Of mean squared error by averaging the members, in px², by population.
    """

    members: int
    requested: dict[str, int]
    without_label_issues: dict[str, Interval]
    with_label_issues: dict[str, Interval]
    predicted_by: dict[str, str]
    averaging_gain: dict[str, float]


def audit_labels_again(
    faces: FaceSet,
    folds: Folds,
    first_stage: FirstStage,
    first_label_issues: pd.DataFrame,
    members: Members,
) -> pd.DataFrame:
    """Audit the labels by the best out-of-fold prediction of each: the members', where one was not
    trained on the label, else the first stage's.

    Args:
        faces: Training faces.
        folds: Their folds.
        first_stage: The first stage's predictions.
        first_label_issues: The audit by them.
        members: The members' predictions.
    """
    flagged = flagged_keypoints(first_label_issues, len(faces))
    total = np.zeros((len(faces), NUM_KEYPOINTS, 2))
    times = np.zeros((len(faces), NUM_KEYPOINTS, 1))
    for fold, heads in zip(members.held_out, members.predictions, strict=True):
        # the member's first-stage model was trained on one half, excluded labels too
        other_half = folds.fold % NUM_HALVES == fold % NUM_HALVES
        unseen = (folds.fold == fold)[:, None] | (flagged & other_half[:, None])
        unseen &= np.isfinite(heads).all(axis=(1, 2))[:, None]
        points = from_heads(heads, faces, faces.population)
        total += np.where(unseen[..., None], points, 0)
        times += unseen[..., None]
    predicted = np.where(times > 0, total / np.maximum(times, 1), first_stage.predictions)
    return audit_faces(faces, folds.fold % NUM_HALVES, predicted, "members")


def predict_test(
    faces: FaceSet,
    test_faces: FaceSet,
    members: Members,
    issues: pd.DataFrame,
    estimate: ScoreEstimate,
) -> Points:
    """Return the ensemble's prediction for each test image, with the heads of its population.

    Args:
        faces: Training faces.
        test_faces: Test images.
        members: Their predictions.
        issues: Label issues.
        estimate: Says where the mean of the labels predicts instead.

    Returns:
        float32 (t, 15, 2) in pixels.
    """
    _warn_of_fallbacks(faces, test_faces)
    points = from_heads(members.test_predictions.mean(axis=0), faces, test_faces.population)
    labels = _without_issues(faces, issues)
    for code, name in enumerate(POPULATIONS):
        if estimate.predicted_by.get(name) == "mean face":
            own = labels[faces.population == code]
            known = np.isfinite(own).any(axis=0)
            mean = np.where(known, mean_face(own), mean_face(labels))
            points[test_faces.population == code] = mean
    return points


def _without_issues(faces: FaceSet, issues: pd.DataFrame) -> Points:
    """Labels (n, 15, 2), NaN where the audit flags them."""
    return np.where(flagged_keypoints(issues, len(faces))[..., None], np.nan, faces.keypoints)


def _warn_of_fallbacks(faces: FaceSet, test_faces: FaceSet) -> None:
    use = choose_heads(faces)
    for code in np.unique(test_faces.population):
        requested = np.arange(NUM_KEYPOINTS) if code == 0 else np.asarray(POPULATION_B_INDEX)
        own = np.arange(NUM_KEYPOINTS) if code == 0 else np.arange(NUM_KEYPOINTS, NUM_HEADS)
        unknown = [KEYPOINTS[i] for i in requested if use[code, i] < 0]
        borrowed = [
            KEYPOINTS[i]
            for i, head in zip(requested, own, strict=True)
            if use[code, i] not in {-1, head}
        ]
        where = f"test images of population {POPULATIONS[code]} request"
        if unknown:
            logger.warning(
                "%s %s, of which training.csv has no label: predicted as the mean face, or the "
                "image's centre",
                where,
                join_names(unknown),
            )
        if borrowed:
            logger.warning(
                "%s %s, of which only the other population has labels: predicted by its heads, "
                "though its convention may differ",
                where,
                join_names(borrowed),
            )


@dataclass(frozen=True)
class _Predictor:
    """A way to predict.

    Attributes:
        predictions: (n, 15, 2), on training faces that it has not seen; NaN for others.
        first: The same of the first stage, or of itself, for all rows that it is known for.
        gain: Of mean squared error by averaging, in each population.
    """

    predictions: Points
    first: Points
    gain: dict[str, float]

    def errors(self, labels: Points, rows: Rows) -> tuple[Errors, Errors]:
        return (
            squared_errors(labels[rows], self.predictions[rows]),
            squared_errors(labels[rows], self.first[rows]),
        )

    def mse(
        self, labels: Points, half: npt.NDArray[np.integer], rows: Rows, population: str
    ) -> float:
        single = estimate_mse(*self.errors(labels, rows), half[rows])
        return float(np.maximum(single - self.gain[population], 0.0))


def estimate_score(
    faces: FaceSet,
    test_faces: FaceSet,
    lookup: pd.DataFrame,
    folds: Folds,
    first_stage: FirstStage,
    members: Members,
    label_issues: pd.DataFrame,
    competition: CompetitionParameters,
) -> ScoreEstimate:
    """Estimate what the submission will score.

    Args:
        faces: Training faces.
        test_faces: Test images.
        lookup: The lookup table.
        folds: Folds of the training faces.
        first_stage: Out-of-fold predictions of all training faces.
        members: Out-of-fold predictions of some, and predictions of the test images.
        label_issues: From ``audit_labels_again``.
        competition: Holds the seed of the intervals' draws.
    """
    labels = _without_issues(faces, label_issues)
    half = folds.fold % NUM_HALVES
    predictors = _predictors(faces, test_faces, lookup, folds, first_stage, members, labels)
    requested = requested_values(lookup)
    populations = {
        name: faces.population == code
        for code, name in enumerate(POPULATIONS)
        if (faces.population == code).any() and requested.get(name)
    }
    predicted_by = {
        name: _better(predictors, labels[rows], rows, name) for name, rows in populations.items()
    }
    if "mean face" in predicted_by.values():  # a population without labels has no better models
        predicted_by = dict.fromkeys(POPULATIONS, "mean face") | predicted_by

    def summary(known: Points) -> dict[str, Interval]:
        random = np.random.default_rng(competition.seed)
        by_population = {}
        for name, rows in populations.items():
            predictor = predictors[predicted_by[name]]
            expected = predictor.mse(known, half, rows, name)
            if np.isfinite(expected):
                images = int((test_faces.population == POPULATIONS.index(name)).sum())
                errors = predictor.errors(known, rows)
                draws = draw_deviations(*errors, half[rows], folds.photograph[rows], images, random)
                by_population[name] = (expected, draws)
        return summarise(by_population, requested)

    gain = predictors["ensemble"].gain
    result = ScoreEstimate(
        members=len(members.test_predictions),
        requested=requested,
        without_label_issues=summary(labels),
        with_label_issues=summary(faces.keypoints),
        predicted_by=predicted_by,
        averaging_gain={name: value for name, value in gain.items() if np.isfinite(value)},
    )
    _log(result)
    return result


def _predictors(
    faces: FaceSet,
    test_faces: FaceSet,
    lookup: pd.DataFrame,
    folds: Folds,
    first_stage: FirstStage,
    members: Members,
    labels: Points,
) -> dict[str, _Predictor]:
    by_ensemble = np.full((len(faces), NUM_KEYPOINTS, 2), np.nan, np.float32)
    by_mean = by_ensemble.copy()
    for fold, heads in zip(members.held_out, members.predictions, strict=True):
        rows = folds.fold == fold
        by_ensemble[rows] = from_heads(heads[rows], faces, faces.population[rows])
    for code in np.unique(faces.population):
        rows = faces.population == code
        by_mean[rows] = mean_of_other_folds(labels[rows], folds.fold[rows])
    of_tests = np.stack(
        [from_heads(h, faces, test_faces.population) for h in members.test_predictions]
    )
    gain = mean_requested(ambiguity(of_tests), test_faces.group, lookup)
    return {
        "ensemble": _Predictor(by_ensemble, first_stage.predictions, gain),
        "mean face": _Predictor(by_mean, by_mean, dict.fromkeys(POPULATIONS, 0.0)),
    }


def _better(predictors: dict[str, _Predictor], labels: Points, rows: Rows, population: str) -> str:
    """The better one on the very rows (k, 15, 2) of which both are known."""
    ensemble, mean = predictors["ensemble"], predictors["mean face"].predictions[rows]
    predicted, gain = ensemble.predictions[rows], ensemble.gain[population]
    if not np.isfinite(predicted).any():
        predicted, gain = ensemble.first[rows], 0.0
    known = np.isfinite(predicted) & np.isfinite(mean)
    labels = np.where(known, labels, np.nan)
    of_ensemble = np.sqrt(max(mse(labels, predicted) - gain, 0.0))
    of_mean = rmse(labels, mean)
    if not of_mean < of_ensemble:
        return "ensemble"
    logger.warning(
        "Population %s: predicting the mean of its labels (RMSE %.1f px), since the models have an "
        "RMSE of %.1f px; more minutes would help",
        population,
        of_mean,
        of_ensemble,
    )
    return "mean face"


def _log(result: ScoreEstimate) -> None:
    for intervals, which in (
        (result.without_label_issues, "without label issues"),
        (result.with_label_issues, "with all labels"),
    ):
        each, shown = intervals.get("leaderboard"), "unknown"
        if each is not None and each.rmse is not None and each.low is not None:
            shown = f"{each.rmse:.3f} px ({each.low:.3f} to {each.high:.3f})"
        logger.info("Estimated RMSE %s: %s", which, shown)
