"""Nodes of the compete stage: folds, timetable, scouts, first audit, the ensemble."""

import logging
import time
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from facial_keypoints.errors import InputError
from facial_keypoints.faces import FaceSet
from facial_keypoints.formatting import format_duration
from facial_keypoints.keypoints import NUM_KEYPOINTS, POPULATIONS
from facial_keypoints.label_audit.audit import acted_on, audited
from facial_keypoints.models.ensemble import numbered
from facial_keypoints.models.heads import (
    NUM_HEADS,
    Points,
    asymmetry,
    points_of,
    spread,
)
from facial_keypoints.parameters import CompetitionParameters
from facial_keypoints.pipelines.compete import ENSEMBLE
from facial_keypoints.pipelines.compete.folds import fold_faces, group_faces
from facial_keypoints.pipelines.compete.plan import (
    MEASURED,
    NUM_HALVES,
    SIZES,
    Plan,
    dealt_out,
    make_plan,
    number_of_processes,
)
from facial_keypoints.training.member import (
    TrainedNet,
    TrainingTask,
    measure_speed,
)
from facial_keypoints.training.parallel import Backups, trained
from facial_keypoints.training.precision import choose_precision
from facial_keypoints.training.session import Session
from facial_keypoints.training.workers import run_side_by_side

logger = logging.getLogger(__name__)

Arrays = dict[str, npt.NDArray[Any]]

_FEWEST_MINUTES: Final = 10
_MEASURED_FACES: Final = 256
_SHARE_OF_SUSPECTS: Final = {"leave_out": 0.0, "down_weight": 0.1, "keep": 1.0}


def make_folds(faces: FaceSet, competition: CompetitionParameters) -> Arrays:
    """The fold and the photograph of each face (see ``folds``), both (n,)."""
    groups = group_faces(faces)
    return {"fold": fold_faces(faces, groups, competition.seed), "photograph": groups}


def plan_competition(
    faces: FaceSet,
    test_faces: FaceSet,
    folds: Arrays,
    competition: CompetitionParameters,
    session: Session,
) -> dict[str, Any]:
    """A timetable for the budget, from a speed measured with all processes at work."""
    logger.info("Measuring how fast nets train here; that takes half a minute or so")
    precision, why = choose_precision(competition.recipe.precision)
    count = int(folds["fold"].max()) + 1
    if competition.members is not None and competition.members > count:
        logger.warning(
            "competition.members=%d, but only %d can each hold out a fold of the faces: %d are "
            "trained",
            competition.members,
            count,
            count,
        )
    processes = number_of_processes(min(count, competition.members or count))
    few = np.arange(_MEASURED_FACES) % len(faces)
    task = TrainingTask(
        name="speed",
        minutes=competition.minutes,
        settings=SIZES[MEASURED],
        recipe=competition.recipe,
        precision=precision,
        seed=0,
        images=faces.images[few],
        labels=spread(faces.keypoints, faces.population)[few],
        shares=np.ones((len(few), NUM_HEADS), np.float32),
        start=None,
        progress=(0.0, 0.0),
        strength=(1.0, 1.0),
        ends=0.0,
        predict=faces.images[few],
    )
    speeds = [
        found[0] for found in run_side_by_side(measure_speed, [[task]] * processes, lambda _: None)
    ]
    plan = make_plan(
        competition,
        precision,
        processes,
        count,
        len(faces),
        len(test_faces),
        session.started_at + 60 * competition.minutes - time.time(),
        trained=float(np.mean([speed.trained for speed in speeds])),
        predicted=float(np.mean([speed.predicted for speed in speeds])),
    )
    logger.info(
        "%s of %g minutes are left to train: %d %s net(s) of about %.0f epochs, %d side by side, "
        "in %s (%s)",
        format_duration(plan.training),
        competition.minutes,
        plan.members,
        plan.size,
        plan.epochs,
        plan.processes,
        plan.precision,
        why,
    )
    if not plan.training:
        logger.warning(
            "competition.minutes=%g is over before the first step: each net gets a single one all "
            "the same, and the submission is worth no more than that. %d minutes are a start",
            competition.minutes,
            _FEWEST_MINUTES,
        )
    elif competition.minutes < _FEWEST_MINUTES:
        logger.warning(
            "competition.minutes=%g: %d are a start; in fewer, nets and label audit know little",
            competition.minutes,
            _FEWEST_MINUTES,
        )
    return plan.as_dict()


def train_scouts(
    faces: FaceSet,
    folds: Arrays,
    timetable: dict[str, Any],
    competition: CompetitionParameters,
    backups: Backups,
) -> Arrays:
    """Nets trained on one half of the faces each, and what they find in the other half.

    Returns:
        ``found`` float32 (n, 15, 2), by nets that have not seen the face, NaN where these came to
        no numbers; ``weights/i/j``, the weights of scout i.
    """
    plan = Plan(**timetable)
    now = time.time()
    half = folds["fold"] % NUM_HALVES
    labels = spread(faces.keypoints, faces.population)

    def task(scout: int, end: float) -> TrainingTask:
        own = half == scout % NUM_HALVES
        return _task(
            plan,
            competition,
            "scout",
            scout,
            images=faces.images[own],
            labels=labels[own],
            shares=np.ones((int(own.sum()), NUM_HEADS), np.float32),
            start=None,
            progress=(0.0, plan.share),
            ends=end - plan.seconds_to_predict(int((~own).sum())),
            predict=faces.images[~own],
        )

    queues = dealt_out([1.0] * plan.scouts, plan.processes, now, now + plan.scouting)
    tasks = [[(scout, task(scout, end)) for scout, end in queue] for queue in queues]
    nets = trained(tasks, backups, ENSEMBLE)
    found = np.zeros((len(faces), NUM_HEADS, 2))
    times = np.zeros(len(faces))
    for scout, net in nets.items():
        if not _is_usable(f"scout {scout + 1}", net):
            continue
        others = half != scout % NUM_HALVES
        found[others] += net.found
        times[others] += 1
    found = np.where(times[:, None, None] > 0, found / np.maximum(times, 1)[:, None, None], np.nan)
    weights = {
        f"weights/{scout}/{i}": array
        for scout, net in nets.items()
        for i, array in enumerate(net.weights)
    }
    return {
        "found": points_of(found.astype(np.float32), faces, faces.population),
        "fingerprints": _fingerprints(tasks),
        **weights,
    }


def audit_labels(faces: FaceSet, folds: Arrays, scouts: Arrays) -> pd.DataFrame:
    """Labels that are most likely wrong (see ``audit``), by what the scouts found."""
    return audited(faces, folds["fold"] % NUM_HALVES, scouts["found"], "after scouting")


def train_members(
    faces: FaceSet,
    test_faces: FaceSet,
    folds: Arrays,
    scouts: Arrays,
    first_label_issues: pd.DataFrame,
    timetable: dict[str, Any],
    competition: CompetitionParameters,
    backups: Backups,
    session: Session,
) -> Arrays:
    """The nets of the ensemble, each trained on all faces but those of a fold of its own.

    Returns:
        ``test`` float32 (m, t, 19, 2), what each finds in the test pictures; ``found``
        (m, n, 19, 2), in the faces that it has not been trained on, NaN for others;
        ``held_out`` (m,), the fold of these; ``asymmetry`` (19, 2), which is part of both (see
        ``points``); ``averaged/i/j``, the weights of net i;
        ``curve/i`` (k, 3), seconds, epochs and loss.

    Raises:
        InputError: if no net came to anything.
    """
    plan = Plan(**timetable)
    now = time.time()
    until = session.started_at + 60 * competition.minutes - plan.afterwards
    number = int(folds["fold"].max()) + 1
    doubted = acted_on(first_label_issues, len(faces))
    labels = spread(faces.keypoints, faces.population)
    beside = _asymmetry(faces, doubted, scouts["found"])
    shares = np.full((len(faces), NUM_KEYPOINTS), 1.0, np.float32)
    shares[doubted] = _SHARE_OF_SUSPECTS[competition.label_issues]
    head_shares = spread(np.repeat(shares[..., None], 2, axis=2), faces.population)[..., 0]
    head_shares = np.nan_to_num(head_shares, nan=0.0)
    # nobody is trained on these labels, so that every net may look at them again
    left_out = (doubted & (shares == 0)).any(axis=1)
    held_out = [_fold_held_out(member, number) for member in range(plan.members)]
    predicted = [(folds["fold"] == fold) | left_out for fold in held_out]

    def task(member: int, end: float) -> TrainingTask:
        is_scout = member < plan.scouts
        rows = (folds["fold"] != held_out[member]) & (head_shares.max(axis=1) > 0)
        pictures = np.concatenate([faces.images[predicted[member]], test_faces.images])
        return _task(
            plan,
            competition,
            "net",
            member,
            images=faces.images[rows],
            labels=labels[rows],
            shares=head_shares[rows],
            start=_weights_of(scouts, member) if is_scout else None,
            progress=(plan.share if is_scout else 0.0, 1.0),
            ends=end - plan.seconds_to_predict(len(pictures), plan.views),
            predict=pictures,
            views=plan.views,
            beside=beside,
        )

    weights = [1 - plan.share if member < plan.scouts else 1.0 for member in range(plan.members)]
    queues = dealt_out(weights, plan.processes, now, until)
    tasks = [[(member, task(member, end)) for member, end in queue] for queue in queues]
    nets = [
        (member, net)
        for member, net in trained(tasks, backups, ENSEMBLE, keep=False).items()
        if _is_usable(f"net {member + 1}", net)
    ]
    if not nets:
        raise InputError(
            "every net of the ensemble came to no numbers; competition.recipe.learning_rate is "
            f"{competition.recipe.learning_rate:g}: a lower one may keep them"
        )
    found = np.full((len(nets), len(faces), NUM_HEADS, 2), np.nan, np.float32)
    for i, (member, net) in enumerate(nets):
        found[i, predicted[member]] = net.found[: predicted[member].sum()] + beside
    tests = np.stack([net.found[predicted[member].sum() :] for member, net in nets])
    return {
        "test": tests + beside,
        "found": found,
        "asymmetry": beside,
        "held_out": np.asarray([held_out[member] for member, _ in nets]),
        "fingerprints": _fingerprints(tasks),
        **{
            f"averaged/{i}/{k}": array
            for i, (_, net) in enumerate(nets)
            for k, array in enumerate(net.averaged)
        },
        **{f"curve/{i}": np.asarray(net.curve) for i, (_, net) in enumerate(nets)},
    }


def _asymmetry(faces: FaceSet, doubted: npt.NDArray[np.bool_], found: Points) -> Points:
    """See ``points.asymmetry``; doubted labels do not count."""
    labels = np.where(doubted[..., None], np.nan, faces.keypoints)
    beside = asymmetry(spread(labels, faces.population), spread(found, faces.population))
    for name, own in zip(
        POPULATIONS, (beside[:NUM_KEYPOINTS], beside[NUM_KEYPOINTS:]), strict=True
    ):
        if own.any():
            logger.info(
                "Population %s: labels lie %+.2f px beside what mirrored faces teach (x, in the "
                "mean; %.2f px at most). Nets learn without that, and their answers get it back",
                name,
                own[:, 0].mean(),
                np.abs(own).max(),
            )
    return beside


def _fingerprints(tasks: list[list[tuple[int, TrainingTask]]]) -> npt.NDArray[np.str_]:
    return np.asarray([task.fingerprint() for queue in tasks for _, task in queue])


def _task(
    plan: Plan, competition: CompetitionParameters, kind: str, number: int, **own: Any
) -> TrainingTask:
    """What scouts and members have in common, and what is a task's own."""
    return TrainingTask(
        name=f"{kind} {number + 1}",
        minutes=competition.minutes,
        members=plan.members,
        processes=plan.processes,
        settings=plan.settings,
        recipe=competition.recipe,
        precision=plan.precision,
        seed=(competition.seed + number) % 2**32,
        strength=plan.strength,
        **own,
    )


def _fold_held_out(member: int, folds: int) -> int:
    """One of the half that the member's scout has not seen; another one for each member."""
    return (1 - member % NUM_HALVES + NUM_HALVES * (member // NUM_HALVES)) % folds


def _is_usable(name: str, net: TrainedNet) -> bool:
    if np.isfinite(net.found).all():
        return True
    logger.warning("%s came to no numbers and is left out", name)
    return False


def _weights_of(scouts: Arrays, scout: int) -> list[npt.NDArray[np.float32]] | None:
    """What a scout came to; None if these are no numbers."""
    weights = numbered(scouts, f"weights/{scout}/")
    return weights if all(np.isfinite(array).all() for array in weights) else None
