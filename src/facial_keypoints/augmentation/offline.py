"""Apply the augmentation recipe to a set of faces."""

import logging
import os
import sys
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np
import numpy.typing as npt
from rich.progress import track

from facial_keypoints.augmentation.transforms import Transform, are_inside, recipe
from facial_keypoints.errors import InputError
from facial_keypoints.faces import FaceSet
from facial_keypoints.image_arrays import Images, gather_images, image_blocks
from facial_keypoints.parameters import AugmentParameters

logger = logging.getLogger(__name__)

Rows = npt.NDArray[np.integer]

_CHUNK: Final = 256
"""Images per task, each with its own random generator: small enough to use every core, large enough
to be worth the hand-over."""
_WAITING: Final = 4
"""Tasks per core that are computed ahead of what is kept."""


@dataclass(frozen=True)
class AugmentationSummary:
    """Count the samples.

    Attributes:
        samples: Originals and copies.
        by_step: Samples by the step that made them, in order; "original" for the originals.
    """

    samples: int
    by_step: dict[str, int]


@dataclass(frozen=True)
class _Step:
    """A transform, and the rows that it copies."""

    transform: Transform
    rows: Rows


def augment(faces: FaceSet, parameters: AugmentParameters) -> tuple[FaceSet, AugmentationSummary]:
    """Append one transformed copy of each chosen face per step of the recipe.

    The default recipe makes 26,239 samples of Kaggle's 7,049 rows, as the paper does.

    Args:
        faces: The originals.
        parameters: The recipe, and which faces to transform.

    Returns:
        Originals followed by the copies of each step, each with the group of its original; and
        the number of samples by step.

    Raises:
        InputError: if ``parameters.of`` is "complete" and no face is.

    Source:
        The paper, section 3.
    """
    rows = _rows_to_transform(faces, parameters)
    parts = [faces.arrays()]
    counts = {"original": len(faces)}
    steps = []
    for transform in recipe(parameters) if len(rows) else []:
        points = transform.keypoints(faces.keypoints[rows])
        kept = are_inside(points) if transform.keep_inside else np.ones(len(rows), dtype=bool)
        parts.append(_labels(faces, rows[kept], points[kept], transform))
        steps.append(_Step(transform, rows[kept]))
        counts[transform.name] = int(kept.sum())
    labels = {
        name: np.concatenate([part[name] for part in parts])
        for name in parts[0]
        if name != "images"
    }
    summary = AugmentationSummary(sum(counts.values()), counts)
    copies = _copies(faces.images, steps, parameters.seed)
    images = gather_images(chain(image_blocks(faces.images), copies))
    kinds = Counter[str]()
    for name, count in counts.items():
        kinds[name.split()[0]] += count
    shown = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
    logger.info("%s samples: %s", f"{summary.samples:,}", shown)
    return FaceSet(images=images, **labels), summary


def _rows_to_transform(faces: FaceSet, parameters: AugmentParameters) -> Rows:
    if parameters.of == "none":
        return np.array([], dtype=int)
    if parameters.of == "all":
        return np.arange(len(faces))
    rows = np.flatnonzero(faces.complete)
    if not len(rows):
        raise InputError(
            "augment.of=complete finds no face with all 15 keypoints; use augment.of=all or "
            "augment.of=none"
        )
    return rows


def _labels(
    faces: FaceSet, rows: Rows, points: npt.NDArray[np.float32], transform: Transform
) -> dict[str, npt.NDArray[np.generic]]:
    """Return every array but the images, for the copies of ``rows``."""
    return {
        "keypoints": points,
        "labelled": transform.labelled(faces.labelled[rows]),
        "group": faces.group[rows],
        "population": faces.population[rows],
        "augmented": np.ones(len(rows), dtype=bool),
    }


def _copies(originals: Images, steps: list[_Step], seed: int) -> Iterator[Images]:
    """Yield the copies of each step in order, computed in chunks on every core.

    Threads suffice, since OpenCV and NumPy release the interpreter's lock. Each chunk has its own
    generator, so that the result does not depend on the number of cores.
    """

    def transform(number: int, offset: int) -> Images:
        rows = steps[number].rows[offset : offset + _CHUNK]
        generator = np.random.default_rng([seed, number, offset])
        return steps[number].transform.images(originals[rows], generator)

    chunks = [
        (number, offset)
        for number, step in enumerate(steps)
        for offset in range(0, len(step.rows), _CHUNK)
    ]
    cores = os.cpu_count() or 1
    waiting: deque[Future[Images]] = deque()
    with ThreadPoolExecutor(cores) as pool:
        for chunk in track(chunks, "Augmenting", transient=True, disable=not sys.stdout.isatty()):
            waiting.append(pool.submit(transform, *chunk))
            if len(waiting) > _WAITING * cores:
                yield waiting.popleft().result()
        yield from (future.result() for future in waiting)
