"""Output heads of a model for both populations: A's 15 keypoints, then B's four.

The two populations label nose tip and lower lip by different conventions, and B's eye centres in
other images; each has its own heat maps on a shared trunk.
"""

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
"""19."""

MIRROR_PARTNERS: Final = (
    *SWAP_INDEX,
    *(NUM_KEYPOINTS + POPULATION_B_INDEX.index(SWAP_INDEX[i]) for i in POPULATION_B_INDEX),
)
"""Position of the head that each of the 19 becomes in a mirror."""


def heads_of(population: int) -> list[int]:
    """Return the head of each of the 15 keypoints: the population's own, where there is one.

    Args:
        population: 0 for A, 1 for B.
    """
    heads = np.arange(NUM_KEYPOINTS)
    if population == 1:
        heads[_OF_B] = np.arange(NUM_KEYPOINTS, NUM_HEADS)
    return [int(head) for head in heads]


def to_heads(points: Points, population: npt.NDArray[np.integer]) -> Points:
    """Return keypoints at the heads of their population; NaN at all other heads.

    Args:
        points: float32 (n, 15, 2) in pixels.
        population: (n,), 0 for A and 1 for B.

    Returns:
        float32 (n, 19, 2).
    """
    heads = np.full((len(points), NUM_HEADS, 2), np.nan, np.float32)
    of_b = population == 1
    heads[~of_b, :NUM_KEYPOINTS] = points[~of_b]
    heads[of_b, NUM_KEYPOINTS:] = points[of_b][:, _OF_B]
    return heads


def choose_heads(faces: FaceSet) -> npt.NDArray[np.int64]:
    """Return the head that predicts each keypoint of each population, (2, 15).

    A population's own head, where its faces carry labels of the keypoint; else the other
    population's, whose convention may differ; -1 where no face carries any.

    Args:
        faces: Training faces.
    """
    own, other = np.arange(NUM_KEYPOINTS), np.full(NUM_KEYPOINTS, -1)
    other[_OF_B] = np.arange(NUM_KEYPOINTS, NUM_HEADS)
    has = np.stack([faces.labelled[faces.population == code].any(axis=0) for code in (0, 1)])
    has[1] &= other >= 0
    of_a = np.where(has[0], own, np.where(has[1], other, -1))
    of_b = np.where(has[1], other, np.where(has[0], own, -1))
    return np.stack([of_a, of_b])


def from_heads(heads: Points, faces: FaceSet, population: npt.NDArray[np.integer]) -> Points:
    """Return the 15 keypoints of each face, from the heads of its population.

    Args:
        heads: float32 (n, 19, 2), predictions in pixels.
        faces: Training faces, which decide on the heads (see ``choose_heads``); their mean face is
            the prediction where no head can give one.
        population: (n,), of the predicted faces.

    Returns:
        float32 (n, 15, 2) in pixels.
    """
    of_face = choose_heads(faces)[population]
    points = np.take_along_axis(heads, np.maximum(of_face, 0)[..., None], axis=1)
    fallback = mean_face(faces.keypoints)
    return np.where((of_face < 0)[..., None], fallback, points).astype(np.float32)


def unmirror(heads: Points) -> Points:
    """Return predictions on mirrored images as keypoints of the images themselves.

    Args:
        heads: float32 (n, 19, 2) in pixels of the mirrored images.
    """
    back = heads[:, MIRROR_PARTNERS, :].copy()
    back[..., 0] = IMAGE_SIZE - back[..., 0]
    return back


def mirror_bias(labels: Points, predicted: Points) -> Points:
    """Return how far labels lie from what holds for mirror images alike, in pixels.

    It is subtracted from labels that mirrored faces are trained on, and added to the predictions.
    People who label faces do not mind mirrors: in one convention all keypoints may lie half a pixel
    to the right, or the left eye higher than the right one. A model that is trained on mirrored
    faces, too, meets two conventions that it cannot tell apart, and predicts their mean. What
    remains, in the mean of all faces, is split into the part that is the same in a mirror, which
    the model can learn, and the other one, which is returned here. Each figure is shrunk by its own
    uncertainty (positive-part James and Stein 1961), so that few labels do no harm.

    Args:
        labels: float32 (n, 19, 2), NaN where unknown.
        predicted: float32 (n, 19, 2), means of predictions on images and their mirror images.

    Returns:
        float32 (19, 2).
    """
    error = labels - predicted
    in_mirror = error[:, MIRROR_PARTNERS] * [-1, 1]
    each = (error - in_mirror) / 2
    count = np.isfinite(each).sum(axis=0)
    bias = np.nansum(each, axis=0) / np.maximum(count, 1)
    squares = np.nansum((each - bias) ** 2, axis=0)
    uncertainty = squares / np.maximum(count - 1, 1) / np.maximum(count, 1)
    kept = np.maximum(1 - uncertainty / np.maximum(bias**2, 1e-12), 0)
    return np.where(count > 1, bias * kept, 0).astype(np.float32)
