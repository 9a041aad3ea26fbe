"""Nodes of the compete stage."""

import hashlib
import logging
import time
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from facial_keypoints import clock, tracking
from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import (
    COORDINATE_COLUMNS,
    KEYPOINTS,
    NUM_KEYPOINTS,
    POPULATION_B_INDEX,
    POPULATIONS,
)
from facial_keypoints.metrics import asked_values, mean_face
from facial_keypoints.parameters import CompetitionParameters
from facial_keypoints.pictures import face_sheet
from facial_keypoints.pipelines.compete import audit, estimate
from facial_keypoints.pipelines.compete.ensemble import ensemble_model
from facial_keypoints.pipelines.compete.folds import fold_faces, group_faces
from facial_keypoints.pipelines.compete.member import (
    TrainedNet,
    TrainingTask,
    measure_speed,
    train_net,
)
from facial_keypoints.pipelines.compete.plan import (
    MEASURED,
    NUM_HALVES,
    SCOUTING_SHARE,
    SIZES,
    Plan,
    make_plan,
    number_of_processes,
    shared_out,
)
from facial_keypoints.pipelines.compete.points import (
    NUM_HEADS,
    Points,
    gather,
    heads_to_use,
    spread,
)
from facial_keypoints.pipelines.compete.workers import run_side_by_side
from facial_keypoints.precision import choose_precision
from facial_keypoints.trainings import Training
from facial_keypoints.words import duration, listed

logger = logging.getLogger(__name__)

Arrays = dict[str, npt.NDArray[Any]]

ENSEMBLE: Final = "ensemble"
"""Name under which the nets together stand beside the variants of the study."""

_MEASURED_FACES: Final = 256
_SHARE_OF_SUSPECTS: Final = {"leave_out": 0.0, "down_weight": 0.1, "keep": 1.0}
_SHEET_FACES: Final = 48


def fold_training_faces(faces: FaceSet, competition: CompetitionParameters) -> Arrays:
    """The fold and the photograph of each face (see ``folds``), both (n,)."""
    groups = group_faces(faces)
    return {"fold": fold_faces(faces, groups, competition.seed), "photograph": groups}


def plan_competition(
    faces: FaceSet, folds: Arrays, competition: CompetitionParameters
) -> dict[str, Any]:
    """A timetable for the budget, from a speed measured with all processes at work."""
    precision, why = choose_precision(competition.recipe.precision)
    count = int(folds["fold"].max()) + 1
    processes = number_of_processes(count)
    few = np.arange(_MEASURED_FACES) % len(faces)
    task = TrainingTask(
        name="speed",
        settings=SIZES[MEASURED],
        recipe=competition.recipe,
        precision=precision,
        seed=0,
        images=faces.images[few],
        labels=spread(faces.keypoints, faces.population)[few],
        shares=np.ones((len(few), NUM_HEADS), np.float32),
        start=None,
        progress=(0.0, 0.0),
        ends=0.0,
        predict=faces.images[few],
    )
    speeds = [found[0] for found in run_side_by_side(measure_speed, [[task]] * processes)]
    plan = make_plan(
        competition,
        precision,
        processes,
        count,
        len(faces),
        clock.began(),
        trained=float(np.mean([speed.trained for speed in speeds])),
        predicted=float(np.mean([speed.predicted for speed in speeds])),
    )
    logger.info(
        "%s of %g minutes are left to train: %d %s net(s) of about %.0f epochs, %d side by side, "
        "in %s (%s)",
        duration(plan.trains_until - plan.trains_from),
        competition.minutes,
        plan.members,
        plan.size,
        plan.epochs,
        plan.processes,
        plan.precision,
        why,
    )
    if plan.trains_until <= plan.trains_from:
        logger.warning(
            "competition.minutes=%g is over before the first step: each net gets a single one all "
            "the same, and the submission is worth no more than that. Ten minutes are a start",
            competition.minutes,
        )
    return plan.as_dict()


def train_scouts(
    faces: FaceSet, folds: Arrays, timetable: dict[str, Any], competition: CompetitionParameters
) -> Arrays:
    """Nets trained on one half of the faces each, and what they find in the other half.

    Returns:
        ``found`` float32 (n, 15, 2), by nets that have not seen the face; ``weights/i/j``, the
        weights of scout i.
    """
    plan = Plan(**timetable)
    half = folds["fold"] % NUM_HALVES
    labels = spread(faces.keypoints, faces.population)
    queues: list[list[int]] = [
        list(range(first, plan.scouts, plan.processes)) for first in range(plan.processes)
    ]
    tasks = []
    for queue in queues:
        ends = shared_out(plan.trains_from, plan.scouts_end, [1.0] * len(queue))
        in_queue = []
        for scout, end in zip(queue, ends, strict=True):
            own = half == scout % NUM_HALVES
            in_queue.append(
                TrainingTask(
                    name=f"scout {scout + 1}",
                    settings=plan.settings,
                    recipe=competition.recipe,
                    precision=plan.precision,
                    seed=competition.seed + scout,
                    images=faces.images[own],
                    labels=labels[own],
                    shares=np.ones((int(own.sum()), NUM_HEADS), np.float32),
                    start=None,
                    progress=(0.0, SCOUTING_SHARE),
                    ends=end - plan.seconds_to_predict(int((~own).sum())),
                    predict=faces.images[~own],
                )
            )
        tasks.append(in_queue)
    nets = _in_order(queues, run_side_by_side(train_net, tasks))
    found = np.zeros((len(faces), NUM_HEADS, 2))
    times = np.zeros(len(faces))
    for scout, net in nets.items():
        others = half != scout % NUM_HALVES
        found[others] += net.found
        times[others] += 1
    found /= times[:, None, None]
    weights = {
        f"weights/{scout}/{i}": array
        for scout, net in nets.items()
        for i, array in enumerate(net.weights)
    }
    return {"found": _points_of(found.astype(np.float32), faces, faces.population), **weights}


def audit_labels(faces: FaceSet, scouts: Arrays) -> pd.DataFrame:
    """Labels that are most likely wrong (see ``audit``), by what the scouts found."""
    return _audited(faces, scouts["found"], "after scouting")


def train_members(
    faces: FaceSet,
    test_faces: FaceSet,
    folds: Arrays,
    scouts: Arrays,
    doubts: pd.DataFrame,
    timetable: dict[str, Any],
    competition: CompetitionParameters,
) -> Arrays:
    """The nets of the ensemble, each trained on all faces but those of a fold of its own.

    Returns:
        ``test`` float32 (m, t, 19, 2), what each finds in the test pictures; ``found``
        (m, n, 19, 2), in the faces that it has not been trained on, NaN for others;
        ``held_out`` (m,), the fold of these; ``averaged/i/j``, the weights of net i;
        ``curve/i`` (k, 3), seconds, epochs and loss.
    """
    plan = Plan(**timetable)
    number = int(folds["fold"].max()) + 1
    queues = [list(range(first, plan.members, plan.processes)) for first in range(plan.processes)]
    labels = spread(faces.keypoints, faces.population)
    shares = np.full((len(faces), NUM_KEYPOINTS), 1.0, np.float32)
    shares[acted_on(doubts, len(faces))] = _SHARE_OF_SUSPECTS[competition.suspects]
    head_shares = spread(np.repeat(shares[..., None], 2, axis=2), faces.population)[..., 0]
    head_shares = np.nan_to_num(head_shares, nan=0.0)
    held_out = [_fold_held_out(member, number) for member in range(plan.members)]
    predicted: dict[int, npt.NDArray[np.bool_]] = {}
    tasks = []
    for queue in queues:
        weights = [1 - SCOUTING_SHARE if member < plan.scouts else 1.0 for member in queue]
        ends = shared_out(max(time.time(), plan.scouts_end), plan.trains_until, weights)
        in_queue = []
        for member, end in zip(queue, ends, strict=True):
            is_scout = member < plan.scouts
            own = folds["fold"] != held_out[member]
            # suspects are trained on by nobody, so that every net may look at them again
            left_out = own & (head_shares.max(axis=1) == 0)
            predicted[member] = ~own | left_out
            rows = own & ~left_out
            pictures = np.concatenate([faces.images[predicted[member]], test_faces.images])
            in_queue.append(
                TrainingTask(
                    name=f"net {member + 1}",
                    settings=plan.settings,
                    recipe=competition.recipe,
                    precision=plan.precision,
                    seed=competition.seed + member,
                    images=faces.images[rows],
                    labels=labels[rows],
                    shares=head_shares[rows],
                    start=_numbered(scouts, f"weights/{member}/") if is_scout else None,
                    progress=(SCOUTING_SHARE if is_scout else 0.0, 1.0),
                    ends=end - plan.seconds_to_predict(len(pictures)),
                    predict=pictures,
                )
            )
        tasks.append(in_queue)
    nets = _in_order(queues, run_side_by_side(train_net, tasks, keep=False))
    found = np.full((plan.members, len(faces), NUM_HEADS, 2), np.nan, np.float32)
    for member, net in nets.items():
        found[member, predicted[member]] = net.found[: predicted[member].sum()]
    return {
        "test": np.stack([nets[m].found[predicted[m].sum() :] for m in range(plan.members)]),
        "found": found,
        "held_out": np.asarray(held_out),
        **{f"averaged/{m}/{i}": a for m, net in nets.items() for i, a in enumerate(net.averaged)},
        **{f"curve/{m}": np.asarray(net.curve) for m, net in nets.items()},
    }


def _fold_held_out(member: int, folds: int) -> int:
    """One of the half that the member's scout has not seen; another one for each member."""
    return (1 - member % NUM_HALVES + NUM_HALVES * (member // NUM_HALVES)) % folds


def _points_of(heads: Points, faces: FaceSet, population: npt.NDArray[np.integer]) -> Points:
    """The 15 points of faces of these populations, as far as the training faces teach them."""
    return gather(heads, population, heads_to_use(faces), mean_face(faces.keypoints))


def _audited(faces: FaceSet, found: Points, when: str) -> pd.DataFrame:
    suspects = audit.audit(faces.keypoints, found, faces.population)
    acted = suspects[suspects["act"]]
    logger.info(
        "Label audit %s: %s labels of %s rows are most likely wrong (%s whole rows)",
        when,
        f"{len(acted):,}",
        f"{acted['row'].nunique():,}",
        f"{int((acted['point'] == audit.WHOLE).sum()):,}",
    )
    return suspects


def _in_order(queues: list[list[int]], results: list[list[TrainedNet]]) -> dict[int, TrainedNet]:
    nets = {
        number: net
        for queue, done in zip(queues, results, strict=True)
        for number, net in zip(queue, done, strict=True)
    }
    return dict(sorted(nets.items()))


def _numbered(arrays: Arrays, prefix: str) -> list[npt.NDArray[np.float32]]:
    """The arrays named ``prefix`` and a number, by it."""
    count = sum(name.startswith(prefix) for name in arrays)
    return [arrays[f"{prefix}{i}"] for i in range(count)]


def acted_on(suspects: pd.DataFrame, rows: int) -> npt.NDArray[np.bool_]:
    """The points (n, 15) of which the audit would act on the labels."""
    acted = np.zeros((rows, NUM_KEYPOINTS), bool)
    certain = suspects[suspects["act"]]
    for row, point in zip(certain["row"].to_numpy(int), certain["point"], strict=True):
        acted[row - 1, audit.points_of(str(point))] = True
    return acted


def audit_labels_again(faces: FaceSet, scouts: Arrays, members: Arrays) -> pd.DataFrame:
    """The same audit by the best that is known of each face: what the ensemble's nets found in
    it, where they have not been trained on it, else what the scouts did.
    """
    heads = members["found"]
    with np.errstate(invalid="ignore"):
        known = np.asarray(np.isfinite(heads[:, :, 0, 0]))
        mean = np.where(known[..., None, None], heads, 0).sum(axis=0)
        mean /= np.maximum(np.count_nonzero(known, axis=0), 1)[:, None, None]
    by_members = _points_of(mean.astype(np.float32), faces, faces.population)
    found = np.where(np.any(known, axis=0, keepdims=True).T[..., None], by_members, scouts["found"])
    return _audited(faces, found, "at the end")


def draw_suspects_sheet(faces: FaceSet, suspects: pd.DataFrame) -> Figure:
    """The most suspect rows with their labels."""
    worst = suspects.drop_duplicates("row").head(_SHEET_FACES)
    rows = worst["row"].to_numpy(int) - 1
    found = np.full((len(rows), NUM_KEYPOINTS, 2), np.nan)
    for i, row in enumerate(rows):
        lines = suspects[(suspects["row"] == row + 1) & (suspects["point"] != audit.WHOLE)]
        for point, place in zip(
            lines["point"], lines[["found_x", "found_y"]].to_numpy(), strict=True
        ):
            found[i, audit.points_of(str(point))] = place
    titles = [
        f"row {row}: {score:.1f}\n{point}"
        for row, score, point in worst[["row", "score", "point"]].itertuples(index=False)
    ]
    return face_sheet(
        faces.images[rows],
        titles,
        truth=faces.keypoints[rows],
        predicted=found,
        heading="Most suspect labels (circles) and where the nets find the point (crosses)",
    )


def assemble_ensemble(
    members: Arrays, timetable: dict[str, Any], competition: CompetitionParameters
) -> tuple[Training, dict[str, Any]]:
    """One model that answers as the ensemble does, and how it came about; and the name by which
    the stages that follow find it.
    """
    plan = Plan(**timetable)
    curves = [members[f"curve/{i}"] for i in range(plan.members)]
    weights = [_numbered(members, f"averaged/{i}/") for i in range(plan.members)]
    content = hashlib.sha256(b"".join(array.tobytes() for net in weights for array in net))
    record = {
        "variant": ENSEMBLE,
        "architecture": "heatmap_unet",
        "settings": plan.settings,
        "members": plan.members,
        "precision": plan.precision,
        "fingerprint": content.hexdigest()[:16],
        "minutes": sum(float(curve[-1, 0]) for curve in curves) / 60 / plan.processes,
        "epochs_of_members": [float(curve[-1, 1]) for curve in curves],
        "competition": competition.model_dump(mode="json"),
        "mlflow_run_id": tracking.active_run_id(),
    }
    training = Training(record, by_epoch(curves), partial(ensemble_model, plan.settings, weights))
    return training, {"variant": ENSEMBLE, "fingerprint": record["fingerprint"]}


def by_epoch(curves: list[npt.NDArray[np.floating]]) -> pd.DataFrame:
    """Mean loss of each net in each of its epochs, from curves (k, 3) of seconds, epochs, loss."""
    columns = {}
    for number, curve in enumerate(curves, start=1):
        epoch = np.ceil(curve[:, 1]).clip(min=1).astype(int)
        columns[f"net_{number}_loss"] = pd.Series(curve[:, 2]).groupby(epoch).mean()
    return pd.DataFrame(columns).rename_axis("epoch").reset_index()


def predict_test_faces(
    faces: FaceSet, test_faces: FaceSet, members: Arrays
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The ensemble's answer (t, 15, 2) to each test picture, with the head of its population; and
    the mean face.
    """
    _tell_of_fallbacks(faces, test_faces)
    points = _points_of(members["test"].mean(axis=0), faces, test_faces.population)
    return points, mean_face(faces.keypoints)


def _tell_of_fallbacks(faces: FaceSet, test_faces: FaceSet) -> None:
    use = heads_to_use(faces)
    for code in np.unique(test_faces.population):
        asked = np.arange(NUM_KEYPOINTS) if code == 0 else np.asarray(POPULATION_B_INDEX)
        own = np.arange(NUM_KEYPOINTS) if code == 0 else np.arange(NUM_KEYPOINTS, NUM_HEADS)
        unknown = [KEYPOINTS[i] for i in asked if use[code, i] < 0]
        borrowed = [
            KEYPOINTS[i]
            for i, head in zip(asked, own, strict=True)
            if use[code, i] not in {-1, head}
        ]
        where = f"the test pictures of population {POPULATIONS[code]} are asked for"
        if unknown:
            logger.warning(
                "%s %s, of which training.csv holds no label: answered with the mean of the known "
                "labels, or the picture's centre where there is none",
                where,
                listed(unknown),
            )
        if borrowed:
            logger.warning(
                "%s %s, of which only the other population has labels: its answer is given, though "
                "its convention may differ",
                where,
                listed(borrowed),
            )


def estimate_score(
    faces: FaceSet,
    test_faces: FaceSet,
    lookup: pd.DataFrame,
    folds: Arrays,
    scouts: Arrays,
    members: Arrays,
    suspects: pd.DataFrame,
    competition: CompetitionParameters,
) -> dict[str, Any]:
    """What the submission will score: RMSE by population and as the leaderboard weighs them, with
    95 % intervals; without the labels that the audit would act on, which the kept answers are
    hoped not to hold, and with them.
    """
    labels = np.where(acted_on(suspects, len(faces))[..., None], np.nan, faces.keypoints)
    single = np.full((len(faces), NUM_KEYPOINTS, 2), np.nan, np.float32)
    for fold, heads in zip(members["held_out"], members["found"], strict=True):
        rows = folds["fold"] == fold
        single[rows] = _points_of(heads[rows], faces, faces.population[rows])
    asked = asked_values(lookup)
    spread_of_members = estimate.ambiguity(
        np.stack([_points_of(h, faces, test_faces.population) for h in members["test"]])
    )
    gained = _mean_asked(spread_of_members, test_faces, lookup)
    result: dict[str, Any] = {"members": len(members["test"]), "asked": asked}
    for name, known in (("without_suspects", labels), ("with_suspects", faces.keypoints)):
        random = np.random.default_rng(competition.seed)
        by_population = {}
        for code, population in enumerate(POPULATIONS):
            of_it = faces.population == code
            if not of_it.any() or not asked.get(population):
                continue
            errors, count = estimate.squared_errors(known[of_it], single[of_it])
            first, count_first = estimate.squared_errors(known[of_it], scouts["found"][of_it])
            held_out = count > 0
            if not held_out.any():
                continue
            mse = estimate.estimate_mse(errors, first, count_first, held_out)
            draws = estimate.interval(
                errors,
                first,
                count_first,
                held_out,
                folds["photograph"][of_it],
                int((test_faces.population == code).sum()),
                random,
            )
            by_population[population] = (max(mse - gained[population], 0.0), draws)
        result[name] = estimate.summarise(by_population, asked)
    result["gained_by_averaging"] = {k: v for k, v in gained.items() if np.isfinite(v)}
    _tell_of_estimate(result)
    return result


def _mean_asked(
    values: npt.NDArray[np.float64], test_faces: FaceSet, lookup: pd.DataFrame
) -> dict[str, float]:
    """Mean of values (t, 15, 2) over what the lookup table asks, by population."""
    image = pd.Index(test_faces.source).get_indexer(pd.Index(lookup["ImageId"]))
    column = pd.Index(COORDINATE_COLUMNS).get_indexer(pd.Index(lookup["FeatureName"]))
    asked = values.reshape(len(values), -1)[image, column]
    population = test_faces.population[image]
    return {
        name: float(asked[population == code].mean()) if (population == code).any() else np.nan
        for code, name in enumerate(POPULATIONS)
    }


def _tell_of_estimate(result: dict[str, Any]) -> None:
    for name, words in (("without_suspects", "without suspect labels"), ("with_suspects", "with")):
        parts = [
            f"{where} {figures['rmse']:.3f} ({figures['low']:.3f} to {figures['high']:.3f})"
            for where, figures in result[name].items()
            if figures["rmse"] is not None and figures["low"] is not None
        ]
        logger.info("Estimated RMSE in px, %s: %s", words, "; ".join(parts) or "unknown")
