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


def points_of(heads: Points, faces: FaceSet, population: npt.NDArray[np.integer]) -> Points:
    """The 15 points of faces of these populations, as far as the training faces teach them."""
    return gather(heads, population, heads_to_use(faces), mean_face(faces.keypoints))
