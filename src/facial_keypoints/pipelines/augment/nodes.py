"""Nodes of the augment stage."""

import logging
import os
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.progress import track

from facial_keypoints.augmentation.transforms import (
    Transform,
    move_points,
    recipe,
    stays_inside,
)
from facial_keypoints.errors import InputError
from facial_keypoints.faces import FaceSet
from facial_keypoints.parameters import AugmentParameters
from facial_keypoints.plotting.faces import draw_faces

logger = logging.getLogger(__name__)

_CHUNK = 256
"""Pictures in one piece of work: small enough to keep every core busy, large enough to be worth
a hand-over, and the unit in which random numbers are drawn."""


def augment_faces(faces: FaceSet, augment: AugmentParameters) -> tuple[FaceSet, dict[str, Any]]:
    """The faces, followed by one transformed copy of each chosen one per step of the recipe.

    The default recipe is the paper's (section 3): Kaggle's 7,049 rows become 26,239 samples.

    Returns:
        All samples, each with its group; and the count of samples that each step added.
    """
    chosen = _chosen(faces, augment)
    parts = [faces.arrays()]
    counts = {"original": len(faces)}
    work: list[tuple[Transform, np.ndarray, int]] = []
    start = len(faces)
    for step in recipe(augment) if len(chosen) else []:
        points = move_points(faces.keypoints[chosen], step)
        kept = stays_inside(points) if step.keep_inside else np.ones(len(chosen), dtype=bool)
        parts.append(_labels(faces, chosen[kept], points[kept], step))
        work.append((step, chosen[kept], start))
        counts[step.name] = int(kept.sum())
        start += counts[step.name]
    images = np.empty((start, *faces.images.shape[1:]), dtype=np.uint8)
    images[: len(faces)] = faces.images
    _fill(images, faces.images, work, augment.seed)
    labels = {
        name: np.concatenate([part[name] for part in parts])
        for name in parts[0]
        if name != "images"
    }
    logger.info(
        "%s samples: %s",
        f"{start:,}",
        ", ".join(f"{count:,} {name}" for name, count in counts.items()),
    )
    return FaceSet(images=images, **labels), {"samples": start, "by_step": counts}


def draw_augmentation_grid(augmented: FaceSet, account: dict[str, Any]) -> Figure:
    """One face and every copy of it, with the points that moved along."""
    copies = np.flatnonzero(augmented.augmented)
    group = augmented.group[copies[0]] if len(copies) else augmented.group[0]
    rows = np.flatnonzero(augmented.group == group)[:24]
    steps = np.repeat(list(account["by_step"]), list(account["by_step"].values()))
    return draw_faces(
        augmented.images[rows],
        steps[rows].tolist(),
        truth=augmented.keypoints[rows],
        heading="One face through the recipe",
    )


def _chosen(faces: FaceSet, augment: AugmentParameters) -> np.ndarray:
    if augment.of == "none":
        return np.array([], dtype=int)
    chosen = np.arange(len(faces)) if augment.of == "all" else np.flatnonzero(faces.complete)
    if not len(chosen):
        raise InputError(
            "augment.of=complete finds no face with all 15 points to transform; "
            "use augment.of=all or augment.of=none"
        )
    return chosen


def _labels(
    faces: FaceSet, rows: np.ndarray, points: np.ndarray, step: Transform
) -> dict[str, np.ndarray]:
    """Everything but the pictures of the copies that ``step`` makes of ``rows``."""
    as_points = np.repeat(faces.labelled[rows, :, None], 2, axis=2).astype(np.float32)
    unmoved = Transform(step.name, step.images, None, step.mirrored)
    return {
        "keypoints": points,
        "labelled": move_points(as_points, unmoved)[..., 0].astype(bool),
        "group": faces.group[rows],
        "population": faces.population[rows],
        "augmented": np.ones(len(rows), dtype=bool),
    }


def _fill(
    images: np.ndarray,
    originals: np.ndarray,
    work: list[tuple[Transform, np.ndarray, int]],
    seed: int,
) -> None:
    """Transform into ``images``, chunk by chunk on every core (OpenCV and NumPy let go of the
    interpreter's lock). Each chunk has a generator of its own, so the result does not depend
    on how many cores there are.
    """

    def transform(step: int, offset: int) -> None:
        how, rows, start = work[step]
        piece = rows[offset : offset + _CHUNK]
        generator = np.random.default_rng([seed, step, offset])
        images[start + offset : start + offset + len(piece)] = how.images(
            originals[piece], generator
        )

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        futures = [
            pool.submit(transform, step, offset)
            for step, (_, rows, _) in enumerate(work)
            for offset in range(0, len(rows), _CHUNK)
        ]
        for future in track(
            as_completed(futures),
            "Augmenting",
            total=len(futures),
            transient=True,
            disable=not sys.stdout.isatty(),
        ):
            future.result()
