"""The points of a net that serves both populations: A's 15, then B's four of its own."""

from typing import Final

import numpy as np
import numpy.typing as npt

from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import (
    IMAGE_SIZE,
    NUM_KEYPOINTS,
    POPULATION_B_INDEX,
    SWAP_INDEX,
)
from facial_keypoints.metrics import mean_face

Points = npt.NDArray[np.float32]
_OF_B: Final = np.asarray(POPULATION_B_INDEX)

NUM_HEADS: Final = NUM_KEYPOINTS + len(POPULATION_B_INDEX)
"""19: the two populations label nose tip and lower lip by different conventions, and see the
eyes' centres in other pictures; each has its own heat maps on a shared trunk."""

PARTNERS: Final = (
    *SWAP_INDEX,
    *(NUM_KEYPOINTS + POPULATION_B_INDEX.index(SWAP_INDEX[i]) for i in POPULATION_B_INDEX),
)
"""Position of the point that each of the 19 becomes in a mirror."""


def spread(points: Points, population: npt.NDArray[np.integer]) -> Points:
    """Points (n, 15, 2) at their population's places of (n, 19, 2); NaN everywhere else."""
    heads = np.full((len(points), NUM_HEADS, 2), np.nan, np.float32)
    of_b = population == 1
    heads[~of_b, :NUM_KEYPOINTS] = points[~of_b]
    heads[of_b, NUM_KEYPOINTS:] = points[of_b][:, _OF_B]
    return heads


def heads_to_use(faces: FaceSet) -> npt.NDArray[np.int64]:
    """Which of the 19 heads answers for each population and point, (2, 15).

    A population's own, where its faces carry labels of the point; else the other population's,
    whose convention may differ; -1 where no face carries any.
    """
    own, other = np.arange(NUM_KEYPOINTS), np.full(NUM_KEYPOINTS, -1)
    other[_OF_B] = np.arange(NUM_KEYPOINTS, NUM_HEADS)
    has = np.stack([faces.labelled[faces.population == code].any(axis=0) for code in (0, 1)])
    has[1] &= other >= 0
    of_a = np.where(has[0], own, np.where(has[1], other, -1))
    of_b = np.where(has[1], other, np.where(has[0], own, -1))
    return np.stack([of_a, of_b])


def gather(
    heads: Points,
    population: npt.NDArray[np.integer],
    use: npt.NDArray[np.int64],
    otherwise: Points,
) -> Points:
    """The 15 points (n, 15, 2) of each face, from what all heads found in it (n, 19, 2).

    Args:
        heads: float32 (n, 19, 2).
        population: (n,).
        use: See ``heads_to_use``.
        otherwise: (15, 2), the answer where no head can give one.
    """
    of_face = use[population]
    points = np.take_along_axis(heads, np.maximum(of_face, 0)[..., None], axis=1)
    return np.where((of_face < 0)[..., None], otherwise, points).astype(np.float32)


def mirrored_back(heads: Points) -> Points:
    """What was found in mirrored pictures, as points of the pictures themselves."""
    back = heads[:, PARTNERS, :].copy()
    back[..., 0] = IMAGE_SIZE - back[..., 0]
    return back


def asymmetry(labels: Points, found: Points) -> Points:
    """How far labels lie beside what holds for mirror images alike, (19, 2) in pixels: to be
    taken off labels that mirrored faces are trained on, and added to what is found then.

    People who label faces do not mind mirrors: in one convention all points may lie half a pixel
    to the right, or the left eye higher than the right one. A net that is trained on mirrored
    faces, too, meets two conventions that it cannot tell apart, and answers with their mean.
    What that leaves, in the mean of all faces, is split into the part that is the same in a
    mirror, which the net can learn by itself, and the other one, which is given here. Each figure
    is shrunk by its own uncertainty (positive-part James and Stein 1961), so that few labels
    do no harm.

    Args:
        labels: float32 (n, 19, 2), NaN where unknown.
        found: float32 (n, 19, 2), means of what was found in pictures and their mirror images.
    """
    error = labels - found
    in_mirror = error[:, PARTNERS] * [-1, 1]
    each = (error - in_mirror) / 2
    count = np.isfinite(each).sum(axis=0)
    beside = np.nansum(each, axis=0) / np.maximum(count, 1)
    squares = np.nansum((each - beside) ** 2, axis=0)
    uncertain = squares / np.maximum(count - 1, 1) / np.maximum(count, 1)
    kept = np.maximum(1 - uncertain / np.maximum(beside**2, 1e-12), 0)
    return np.where(count > 1, beside * kept, 0).astype(np.float32)


def points_of(heads: Points, faces: FaceSet, population: npt.NDArray[np.integer]) -> Points:
    """The 15 points of faces of these populations, as far as the training faces teach them."""
    return gather(heads, population, heads_to_use(faces), mean_face(faces.keypoints))
