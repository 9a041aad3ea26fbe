"""Nodes of the compete stage that follow training: what was found, and how good it is."""

import hashlib
import logging
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from facial_keypoints.archive.lookup import mean_requested, requested_values
from facial_keypoints.evaluation.records import Champion
from facial_keypoints.faces import FaceSet
from facial_keypoints.formatting import join_names
from facial_keypoints.keypoints import (
    KEYPOINTS,
    NUM_KEYPOINTS,
    POPULATION_B_INDEX,
    POPULATIONS,
)
from facial_keypoints.label_audit.audit import WHOLE, acted_on, audited, named_points
from facial_keypoints.metrics import mean_face, mse, rmse
from facial_keypoints.models.ensemble import ensemble_model, numbered
from facial_keypoints.models.heads import (
    NUM_HEADS,
    Points,
    heads_to_use,
    points_of,
)
from facial_keypoints.parameters import CompetitionParameters
from facial_keypoints.pipelines.compete import ENSEMBLE
from facial_keypoints.pipelines.compete.estimate import (
    Errors,
    ambiguity,
    estimate_mse,
    interval,
    mean_of_others,
    squared_errors,
    summarise,
)
from facial_keypoints.pipelines.compete.plan import NUM_HALVES, Plan
from facial_keypoints.plotting.faces import draw_faces
from facial_keypoints.training.records import Training
from facial_keypoints.training.session import Session

logger = logging.getLogger(__name__)

Arrays = dict[str, npt.NDArray[Any]]

_SHEET_FACES: Final = 48


def audit_labels_again(
    faces: FaceSet, folds: Arrays, scouts: Arrays, first_label_issues: pd.DataFrame, members: Arrays
) -> pd.DataFrame:
    """The same audit by the best that is known of each label: what the ensemble's nets found,
    where none of them was trained on it, else what the scouts did.
    """
    doubted = acted_on(first_label_issues, len(faces))
    total = np.zeros((len(faces), NUM_KEYPOINTS, 2))
    times = np.zeros((len(faces), NUM_KEYPOINTS, 1))
    for fold, heads in zip(members["held_out"], members["found"], strict=True):
        # a label left out of training has been seen all the same where the net was a scout: it
        # was one of the half that its fold is not of
        other_half = folds["fold"] % NUM_HALVES == fold % NUM_HALVES
        untaught = (folds["fold"] == fold)[:, None] | (doubted & other_half[:, None])
        untaught &= np.isfinite(heads).all(axis=(1, 2))[:, None]
        by_it = points_of(heads, faces, faces.population)
        total += np.where(untaught[..., None], by_it, 0)
        times += untaught[..., None]
    found = np.where(times > 0, total / np.maximum(times, 1), scouts["found"])
    return audited(faces, folds["fold"] % NUM_HALVES, found, "at the end")


def draw_label_issue_grid(faces: FaceSet, label_issues: pd.DataFrame) -> Figure:
    """The most suspect rows with their labels."""
    worst = label_issues.drop_duplicates("row").head(_SHEET_FACES)
    rows = worst["row"].to_numpy(int) - 1
    found = np.full((len(rows), NUM_KEYPOINTS, 2), np.nan)
    for i, row in enumerate(rows):
        lines = label_issues[(label_issues["row"] == row + 1) & (label_issues["point"] != WHOLE)]
        for point, place in zip(
            lines["point"], lines[["found_x", "found_y"]].to_numpy(), strict=True
        ):
            found[i, named_points(str(point))] = place
    titles = [
        f"row {row}: {score:.1f}\n{point}"
        for row, score, point in worst[["row", "score", "point"]].itertuples(index=False)
    ]
    return draw_faces(
        faces.images[rows],
        titles,
        truth=faces.keypoints[rows],
        predicted=found,
        heading="Most suspect labels (circles) and where the nets find the point (crosses)",
    )


def predict_test_faces(
    faces: FaceSet,
    test_faces: FaceSet,
    members: Arrays,
    label_issues: pd.DataFrame,
    expected: dict[str, Any],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The ensemble's answer (t, 15, 2) to each test picture, with the head of its population; and
    the mean face. Where the nets are expected to do worse than the mean of their population's
    labels, as after a few steps only, that is the answer.
    """
    _tell_of_fallbacks(faces, test_faces)
    points = points_of(members["test"].mean(axis=0), faces, test_faces.population)
    labels = _without_suspects(faces, label_issues)
    for code, name in enumerate(POPULATIONS):
        if expected["answered_by"].get(name) == "mean":
            own = labels[faces.population == code]
            known = np.isfinite(own).any(axis=0)
            answer = np.where(known, mean_face(own), mean_face(labels))
            points[test_faces.population == code] = answer
    return points, mean_face(faces.keypoints)


def _without_suspects(faces: FaceSet, label_issues: pd.DataFrame) -> Points:
    """Labels (n, 15, 2), NaN where the audit would act on them."""
    return np.where(acted_on(label_issues, len(faces))[..., None], np.nan, faces.keypoints)


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
                join_names(unknown),
            )
        if borrowed:
            logger.warning(
                "%s %s, of which only the other population has labels: its answer is given, though "
                "its convention may differ",
                where,
                join_names(borrowed),
            )


@dataclass(frozen=True)
class _Answer:
    """A way to answer.

    Attributes:
        found: (n, 15, 2), what it answers to training faces that it does not know; NaN for others.
        first: The same of the scouts, or of itself, for all that can be had.
        gained: Of mean squared error by averaging, in each population.
    """

    found: Points
    first: Points
    gained: dict[str, float]

    def errors(self, labels: Points, rows: npt.NDArray[np.bool_]) -> tuple[Errors, Errors]:
        return (
            squared_errors(labels[rows], self.found[rows]),
            squared_errors(labels[rows], self.first[rows]),
        )

    def mse(
        self,
        labels: Points,
        half: npt.NDArray[np.integer],
        rows: npt.NDArray[np.bool_],
        population: str,
    ) -> float:
        single = estimate_mse(*self.errors(labels, rows), half[rows])
        return float(np.maximum(single - self.gained[population], 0.0))


def estimate_score(
    faces: FaceSet,
    test_faces: FaceSet,
    lookup: pd.DataFrame,
    folds: Arrays,
    scouts: Arrays,
    members: Arrays,
    label_issues: pd.DataFrame,
    competition: CompetitionParameters,
) -> dict[str, Any]:
    """What the submission will score: RMSE by population and as the leaderboard weighs them, with
    95 % intervals; without the labels that the audit would act on, which the kept answers are
    hoped not to hold, and with them. Also who answers for each population: the nets, or the mean
    of its labels where the nets are expected to do worse, as after a few steps only.
    """
    labels = _without_suspects(faces, label_issues)
    half = folds["fold"] % NUM_HALVES
    nets = np.full((len(faces), NUM_KEYPOINTS, 2), np.nan, np.float32)
    mean = nets.copy()
    for fold, heads in zip(members["held_out"], members["found"], strict=True):
        rows = folds["fold"] == fold
        nets[rows] = points_of(heads[rows], faces, faces.population[rows])
    for code in np.unique(faces.population):
        rows = faces.population == code
        mean[rows] = mean_of_others(labels[rows], folds["fold"][rows])
    of_tests = np.stack([points_of(h, faces, test_faces.population) for h in members["test"]])
    gained = mean_requested(ambiguity(of_tests), test_faces.group, lookup)
    ways = {
        "nets": _Answer(nets, scouts["found"], gained),
        "mean": _Answer(mean, mean, dict.fromkeys(POPULATIONS, 0.0)),
    }
    asked = requested_values(lookup)
    populations = {
        name: faces.population == code
        for code, name in enumerate(POPULATIONS)
        if (faces.population == code).any() and asked.get(name)
    }
    answered_by = {
        name: _who_answers(ways["nets"], ways["mean"], labels[rows], rows, name)
        for name, rows in populations.items()
    }
    if "mean" in answered_by.values():  # a population without labels has no better nets
        answered_by = dict.fromkeys(POPULATIONS, "mean") | answered_by
    result: dict[str, Any] = {"members": len(members["test"]), "asked": asked}
    for figures, known in (("without_suspects", labels), ("with_suspects", faces.keypoints)):
        random = np.random.default_rng(competition.seed)
        by_population = {}
        for name, rows in populations.items():
            way = ways[answered_by[name]]
            expected = way.mse(known, half, rows, name)
            if np.isfinite(expected):
                pictures = int((test_faces.population == POPULATIONS.index(name)).sum())
                errors = way.errors(known, rows)
                draws = interval(*errors, half[rows], folds["photograph"][rows], pictures, random)
                by_population[name] = (expected, draws)
        result[figures] = summarise(by_population, asked)
    result["answered_by"] = answered_by
    result["gained_by_averaging"] = {k: v for k, v in gained.items() if np.isfinite(v)}
    _tell_of_estimate(result)
    return result


def _who_answers(
    nets: _Answer, mean: _Answer, labels: Points, rows: npt.NDArray[np.bool_], population: str
) -> str:
    """The better one on the very rows (k, 15, 2) of which both are known."""
    found, gained = nets.found[rows], nets.gained[population]
    if not np.isfinite(found).any():
        found, gained = nets.first[rows], 0.0
    known = np.isfinite(found) & np.isfinite(mean.found[rows])
    labels = np.where(known, labels, np.nan)
    of_nets = np.sqrt(max(mse(labels, found) - gained, 0.0))
    of_mean = rmse(labels, mean.found[rows])
    if not of_mean < of_nets:
        return "nets"
    logger.warning(
        "population %s: the nets err by %.1f px, the mean of the labels by %.1f px, which is "
        "answered instead. More minutes would help",
        population,
        of_nets,
        of_mean,
    )
    return "mean"


def _tell_of_estimate(result: dict[str, Any]) -> None:
    for name, words in (("without_suspects", "without suspect labels"), ("with_suspects", "with")):
        parts = [
            f"{where} {figures['rmse']:.3f} ({figures['low']:.3f} to {figures['high']:.3f})"
            for where, figures in result[name].items()
            if figures["rmse"] is not None and figures["low"] is not None
        ]
        logger.info("Estimated RMSE in px, %s: %s", words, "; ".join(parts) or "unknown")


def assemble_ensemble(
    scouts: Arrays,
    members: Arrays,
    timetable: dict[str, Any],
    competition: CompetitionParameters,
    session: Session,
) -> Training:
    """One model that answers as the ensemble does, and how it came about."""
    plan = Plan(**timetable)
    count = len(members["test"])
    curves = [members[f"curve/{i}"] for i in range(count)]
    weights = [numbered(members, f"averaged/{i}/") for i in range(count)]
    content = hashlib.sha256(b"".join(array.tobytes() for net in weights for array in net))
    record = {
        "variant": ENSEMBLE,
        "architecture": "heatmap_unet",
        "settings": plan.settings,
        "members": count,
        "precision": plan.precision,
        "fingerprint": content.hexdigest()[:16],
        "made_of": [*scouts["fingerprints"].tolist(), *members["fingerprints"].tolist()],
        "minutes": sum(float(curve[-1, 0]) for curve in curves) / 60 / plan.processes,
        "epochs_of_members": [float(curve[-1, 1]) for curve in curves],
        "competition": competition.model_dump(mode="json"),
        "mlflow_run_id": session.run_id_of(ENSEMBLE),
    }
    build = partial(ensemble_model, plan.settings, weights, members["asymmetry"])
    return Training(record, by_epoch(curves), build)


def crown_ensemble(training: Training) -> Champion:
    """Select the ensemble as the champion, for submit, upload and MLflow's registry."""
    return Champion(ENSEMBLE, training.fingerprint, training.record["mlflow_run_id"])


def by_epoch(curves: list[npt.NDArray[np.floating]]) -> pd.DataFrame:
    """Mean loss of each net in each of its epochs, from curves (k, 3) of seconds, epochs, loss."""
    columns = {}
    for number, curve in enumerate(curves, start=1):
        epoch = np.ceil(curve[:, 1]).clip(min=1).astype(int)
        columns[f"net_{number}_loss"] = pd.Series(curve[:, 2]).groupby(epoch).mean()
    return pd.DataFrame(columns).rename_axis("epoch").reset_index()
