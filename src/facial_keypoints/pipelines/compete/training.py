"""Training of the first-stage models and of the ensemble's members."""

import logging
import time
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from facial_keypoints.errors import InputError
from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import NUM_KEYPOINTS, POPULATIONS
from facial_keypoints.label_audit.audit import flagged_keypoints
from facial_keypoints.models.heads import (
    MIRROR_PARTNERS,
    NUM_HEADS,
    Points,
    from_heads,
    mirror_bias,
    to_heads,
)
from facial_keypoints.parameters import CompetitionParameters
from facial_keypoints.pipelines.compete import ENSEMBLE
from facial_keypoints.pipelines.compete.plan import NUM_HALVES, SIZES, Plan, measured_size
from facial_keypoints.pipelines.compete.records import FirstStage, Folds, Members
from facial_keypoints.training.deadlines import assign_deadlines
from facial_keypoints.training.input_pipeline import Samples
from facial_keypoints.training.members import MemberResult, MemberTask, member_fingerprint
from facial_keypoints.training.members import train_members as run_members
from facial_keypoints.training.stores import TrainingStore
from facial_keypoints.training.task import TrainingTask, Weights
from facial_keypoints.training.workers import Workers

logger = logging.getLogger(__name__)

_MEASURED_FACES: Final = 256
_LEAST_TRAINED: Final = 0.1
"""Of the epochs of the model that trained most, for the same span of the schedule."""
_WEIGHT_OF_ISSUES: Final = {"exclude": 0.0, "downweight": 0.1, "keep": 1.0}


def speed_task(faces: FaceSet, competition: CompetitionParameters) -> TrainingTask:
    """Return a training to measure the speed by, of the size that the user has chosen.

    Args:
        faces: Training faces.
        competition: How models are trained.
    """
    few = faces.select(np.arange(_MEASURED_FACES) % len(faces))
    targets = to_heads(few.keypoints, few.population)
    return TrainingTask(
        name="speed measurement",
        architecture="heatmap_unet",
        settings={**SIZES[measured_size(competition)], "points": NUM_HEADS},
        train=competition.train,
        samples=Samples(few.images, targets, np.ones(targets.shape[:2], np.float32)),
        mirror_partners=MIRROR_PARTNERS,
        initial_strength=1.0,
    )


def train_first_stage(
    faces: FaceSet,
    folds: Folds,
    plan: Plan,
    competition: CompetitionParameters,
    training_store: TrainingStore,
    workers: Workers,
) -> FirstStage:
    """Train models on one half of the faces each, and predict the other half.

    Args:
        faces: Training faces.
        folds: Their folds; the halves are the even and the odd ones.
        plan: Deadlines and sizes.
        competition: How models are trained.
        training_store: The checkpoints that trainings resume from.
        workers: Where models train.
    """
    half = folds.fold % NUM_HALVES
    targets = to_heads(faces.keypoints, faces.population)
    weights = np.ones((len(faces), NUM_HEADS), np.float32)
    start = max(plan.started_at, time.time() - plan.first_stage_seconds)
    deadlines = assign_deadlines(
        [1.0] * plan.num_first_stage,
        plan.num_processes,
        start,
        plan.started_at + plan.first_stage_seconds,
    )
    tasks = []
    for number, deadline in enumerate(deadlines):
        own = half == number % NUM_HALVES
        samples = _selected(faces, targets, weights, own)
        images = faces.images[~own]
        task = _task(plan, competition, "first-stage model", number, samples, None)
        tasks.append(
            _member_task(
                plan,
                competition,
                task,
                images,
                deadline=deadline,
                span=(0.0, plan.first_stage_fraction),
            )
        )
    results = run_members(tasks, training_store, plan.num_processes, workers)
    total = np.zeros((len(faces), NUM_HEADS, 2))
    times = np.zeros((len(faces), 1, 1))
    sound = _sound_models(tasks, results)
    for number in sound:
        others = half != number % NUM_HALVES
        total[others] += results[number].predictions
        times[others] += 1
    mean = np.where(times > 0, total / np.maximum(times, 1), np.nan).astype(np.float32)
    return FirstStage(
        predictions=from_heads(mean, faces, faces.population),
        weights=[r.training.weights if n in sound else [] for n, r in enumerate(results)],
        fingerprints=np.asarray([task.fingerprint for task in tasks]),
    )


def train_members(
    faces: FaceSet,
    test_faces: FaceSet,
    folds: Folds,
    first_stage: FirstStage,
    first_label_issues: pd.DataFrame,
    plan: Plan,
    competition: CompetitionParameters,
    training_store: TrainingStore,
    workers: Workers,
) -> Members:
    """Train the members, each on all faces but those of one fold.

    Args:
        faces: Training faces.
        test_faces: Test images, to predict.
        folds: Folds of the training faces.
        first_stage: Models that the first members start from.
        first_label_issues: The audit by the first stage.
        plan: Deadlines and sizes.
        competition: How models are trained, and what becomes of label issues.
        training_store: The checkpoints that trainings resume from.
        workers: Where models train.

    Raises:
        InputError: If every member diverged.
    """
    flagged = flagged_keypoints(first_label_issues, len(faces))
    bias = _mirror_bias(faces, flagged, first_stage.predictions)
    weights = _head_weights(faces, flagged, competition)
    # nobody is trained on these labels, so that every member may predict them
    excluded = (flagged & (_WEIGHT_OF_ISSUES[competition.label_issues] == 0)).any(axis=1)
    held_out = [_held_out_fold(number, folds.count) for number in range(plan.num_members)]
    predicted = [(folds.fold == fold) | excluded for fold in held_out]
    targets = to_heads(faces.keypoints, faces.population)
    samples = [
        _selected(faces, targets, weights, (folds.fold != fold) & (weights.max(axis=1) > 0))
        for fold in held_out
    ]
    images = [np.concatenate([faces.images[rows], test_faces.images]) for rows in predicted]
    tasks = _timed_members(samples, images, first_stage, plan, competition, bias)
    results = run_members(tasks, training_store, plan.num_processes, workers)
    sound = _sound_models(tasks, results)
    if not sound:
        raise InputError(
            "all ensemble members diverged (non-finite loss); lower "
            f"competition.train.learning_rate (now {competition.train.learning_rate:g})"
        )
    oof = np.full((len(sound), len(faces), NUM_HEADS, 2), np.nan, np.float32)
    for i, number in enumerate(sound):
        count = int(predicted[number].sum())
        oof[i, predicted[number]] = results[number].predictions[:count] + bias
    kept = [results[number] for number in sound]
    return Members(
        test_predictions=np.stack([r.predictions[-len(test_faces) :] for r in kept]) + bias,
        predictions=oof,
        held_out=np.asarray([held_out[number] for number in sound]),
        mirror_bias=bias,
        weights=[result.training.predicting_weights for result in kept],
        histories=[[_history(result)] for result in kept],
        epochs=np.asarray([result.training.epochs for result in kept]),
        steps=np.asarray([result.training.steps for result in kept]),
        samples=np.asarray([result.training.samples for result in kept]),
        seconds=np.asarray([result.training.seconds for result in kept]),
        precisions=np.asarray([result.training.precision for result in kept]),
        fingerprints=np.asarray([task.fingerprint for task in tasks]),
    )


def _sound_models(tasks: list[MemberTask], results: list[MemberResult]) -> list[int]:
    """Numbers of the models to use; one that hardly trained would spoil the mean."""
    sound = [n for n, result in enumerate(results) if result.training.failure is None]
    whole = {n: results[n].training.epochs / np.ptp(tasks[n].training.span) for n in sound}
    most = max(whole.values(), default=0.0)
    for number in [n for n in sound if whole[n] < _LEAST_TRAINED * most]:
        logger.warning(
            "%s is left out: it trained for %.2f epochs, where the one that trained most would "
            "make %.1f. Most likely other work took its time; competition.minutes does not count "
            "such work",
            tasks[number].training.name,
            results[number].training.epochs,
            most * np.ptp(tasks[number].training.span),
        )
        sound.remove(number)
    return sound


def _timed_members(
    samples: list[Samples],
    images: list[npt.NDArray[np.uint8]],
    first_stage: FirstStage,
    plan: Plan,
    competition: CompetitionParameters,
    bias: Points,
) -> list[MemberTask]:
    """The members' trainings; one that continues a first-stage model has less left to train."""
    spans = [
        (plan.first_stage_fraction if number < plan.num_first_stage else 0.0, 1.0)
        for number in range(plan.num_members)
    ]
    shares = [end - start for start, end in spans]
    deadlines = assign_deadlines(shares, plan.num_processes, time.time(), plan.deadline)
    return [
        _member_task(
            plan,
            competition,
            _task(plan, competition, "member", number, own, _start_of(first_stage, number)),
            predicted,
            deadline=deadline,
            span=span,
            num_views=plan.num_views,
            bias=bias,
        )
        for number, (own, predicted, deadline, span) in enumerate(
            zip(samples, images, deadlines, spans, strict=True)
        )
    ]


def _selected(
    faces: FaceSet,
    targets: Points,
    weights: npt.NDArray[np.float32],
    rows: npt.NDArray[np.bool_],
) -> Samples:
    return Samples(faces.images[rows], targets[rows], weights[rows])


def _task(
    plan: Plan,
    competition: CompetitionParameters,
    kind: str,
    number: int,
    samples: Samples,
    start: Weights | None,
) -> TrainingTask:
    """What decides on a model, but for the clock and the mirror bias."""
    train = competition.train.model_copy(
        update={"seed": (competition.seed + number) % 2**32, "epochs": competition.max_epochs}
    )
    return TrainingTask(
        name=f"{kind} {number + 1}",
        architecture="heatmap_unet",
        settings={**plan.settings, "points": NUM_HEADS},
        train=train,
        samples=samples,
        mirror_partners=MIRROR_PARTNERS,
        initial_weights=start,
        variant=ENSEMBLE,
    )


def _member_task(
    plan: Plan,
    competition: CompetitionParameters,
    task: TrainingTask,
    images: npt.NDArray[np.uint8],
    *,
    deadline: float,
    span: tuple[float, float],
    num_views: int = 1,
    bias: Points | None = None,
) -> MemberTask:
    fingerprint = member_fingerprint(
        task, competition.minutes, plan.num_members, plan.num_processes
    )
    samples = task.samples
    if bias is not None:
        samples = Samples(samples.images, samples.targets - bias, samples.weights)
    timed = TrainingTask(
        **{
            **vars(task),
            "samples": samples,
            "deadline": deadline - plan.seconds_to_predict(len(images), num_views),
            "span": span,
            "initial_strength": plan.initial_strength,
        }
    )
    return MemberTask(timed, fingerprint, images, num_views, deadline)


def _head_weights(
    faces: FaceSet, flagged: npt.NDArray[np.bool_], competition: CompetitionParameters
) -> npt.NDArray[np.float32]:
    """How much each label counts, (n, 19); 0 at the other population's heads."""
    weights = np.ones((len(faces), NUM_KEYPOINTS), np.float32)
    weights[flagged] = _WEIGHT_OF_ISSUES[competition.label_issues]
    both = to_heads(np.repeat(weights[..., None], 2, axis=2), faces.population)
    return np.nan_to_num(both[..., 0], nan=0.0).astype(np.float32)


def _mirror_bias(faces: FaceSet, flagged: npt.NDArray[np.bool_], predicted: Points) -> Points:
    """See ``heads.mirror_bias``; flagged labels do not count."""
    labels = np.where(flagged[..., None], np.nan, faces.keypoints)
    bias = mirror_bias(to_heads(labels, faces.population), to_heads(predicted, faces.population))
    for name, own in zip(POPULATIONS, (bias[:NUM_KEYPOINTS], bias[NUM_KEYPOINTS:]), strict=True):
        if own.any():
            logger.info(
                "Population %s: labels lie %.2f px too far %s on average; corrected",
                name,
                abs(own[:, 0].mean()),
                "left" if own[:, 0].mean() < 0 else "right",
            )
    return bias


def _held_out_fold(member: int, folds: int) -> int:
    """One of the half that the member's first-stage model has not seen; another for each member."""
    return (1 - member % NUM_HALVES + NUM_HALVES * (member // NUM_HALVES)) % folds


def _start_of(first_stage: FirstStage, number: int) -> Weights | None:
    """Weights of a first-stage model; None where there is none, or it diverged."""
    if number >= len(first_stage.weights):
        return None
    weights = first_stage.weights[number]
    return weights if weights and all(np.isfinite(array).all() for array in weights) else None


def _history(result: MemberResult) -> npt.NDArray[np.float64]:
    return result.training.history[["epoch", "loss"]].to_numpy(np.float64)
