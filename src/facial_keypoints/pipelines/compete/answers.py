"""Nodes of the compete stage that follow training: what was found, and how good it is."""

import logging
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import (
    COORDINATE_COLUMNS,
    KEYPOINTS,
    NUM_KEYPOINTS,
    POPULATION_B_INDEX,
    POPULATIONS,
)
from facial_keypoints.metrics import asked_values, mean_face, rmse
from facial_keypoints.parameters import CompetitionParameters
from facial_keypoints.pictures import face_sheet
from facial_keypoints.pipelines.compete import estimate
from facial_keypoints.pipelines.compete.audit import WHOLE, acted_on, audited, named_points
from facial_keypoints.pipelines.compete.points import NUM_HEADS, heads_to_use, points_of
from facial_keypoints.words import listed

logger = logging.getLogger(__name__)

Arrays = dict[str, npt.NDArray[Any]]

_SHEET_FACES: Final = 48


def audit_labels_again(faces: FaceSet, scouts: Arrays, members: Arrays) -> pd.DataFrame:
    """The same audit by the best that is known of each face: what the ensemble's nets found in
    it, where they have not been trained on it, else what the scouts did.
    """
    heads = members["found"]
    with np.errstate(invalid="ignore"):
        known = np.asarray(np.isfinite(heads[:, :, 0, 0]))
        mean = np.where(known[..., None, None], heads, 0).sum(axis=0)
        mean /= np.maximum(np.count_nonzero(known, axis=0), 1)[:, None, None]
    by_members = points_of(mean.astype(np.float32), faces, faces.population)
    found = np.where(np.any(known, axis=0, keepdims=True).T[..., None], by_members, scouts["found"])
    return audited(faces, found, "at the end")


def draw_suspects_sheet(faces: FaceSet, suspects: pd.DataFrame) -> Figure:
    """The most suspect rows with their labels."""
    worst = suspects.drop_duplicates("row").head(_SHEET_FACES)
    rows = worst["row"].to_numpy(int) - 1
    found = np.full((len(rows), NUM_KEYPOINTS, 2), np.nan)
    for i, row in enumerate(rows):
        lines = suspects[(suspects["row"] == row + 1) & (suspects["point"] != WHOLE)]
        for point, place in zip(
            lines["point"], lines[["found_x", "found_y"]].to_numpy(), strict=True
        ):
            found[i, named_points(str(point))] = place
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


def predict_test_faces(
    faces: FaceSet, test_faces: FaceSet, members: Arrays, expected: dict[str, Any]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The ensemble's answer (t, 15, 2) to each test picture, with the head of its population; and
    the mean face. Where the nets are expected to do worse than the mean of their population's
    labels, as after a few steps only, that is the answer.
    """
    _tell_of_fallbacks(faces, test_faces)
    points = points_of(members["test"].mean(axis=0), faces, test_faces.population)
    for code, name in enumerate(POPULATIONS):
        figures = expected["without_suspects"].get(name)
        of_mean = expected["rmse_of_the_mean"].get(name)
        if figures and of_mean is not None and figures["rmse"] > of_mean:
            logger.warning(
                "population %s: the nets err by %.1f px, the mean of the labels by %.1f px, which "
                "is answered instead. More minutes would help",
                name,
                figures["rmse"],
                of_mean,
            )
            of_it = test_faces.population == code
            points[of_it] = mean_face(faces.keypoints[faces.population == code])
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
        single[rows] = points_of(heads[rows], faces, faces.population[rows])
    asked = asked_values(lookup)
    spread_of_members = estimate.ambiguity(
        np.stack([points_of(h, faces, test_faces.population) for h in members["test"]])
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
    result["rmse_of_the_mean"] = _rmse_of_the_mean(faces.population, labels)
    result["gained_by_averaging"] = {k: v for k, v in gained.items() if np.isfinite(v)}
    _tell_of_estimate(result)
    return result


def _rmse_of_the_mean(
    population: npt.NDArray[np.integer], labels: npt.NDArray[np.floating]
) -> dict[str, float]:
    """RMSE of always answering the mean of a population's labels (n, 15, 2)."""
    return {
        name: rmse(labels[population == code], mean_face(labels[population == code]))
        for code, name in enumerate(POPULATIONS)
        if np.isfinite(labels[population == code]).any()
    }


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
