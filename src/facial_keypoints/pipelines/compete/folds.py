"""Folds that keep a photograph on one side, also where it occurs in another crop."""

import logging
import warnings
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from facial_keypoints.errors import InputError
from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import LEFT_EYE, RIGHT_EYE
from facial_keypoints.metrics import MIN_EYE_DISTANCE

logger = logging.getLogger(__name__)

NUM_FOLDS: Final = 10
"""Even: the audit trains on one half of them and predicts the other."""

_SIDE: Final = 32
_EYES: Final = np.array([[22.0, 11.0], [10.0, 11.0]])
"""Position of left and right eye in a thumbnail of 32x32."""
_SAME_PHOTOGRAPH: Final = 0.05
"""Cosine distance of thumbnails below which two images are taken to be of one photograph."""
_NEIGHBOURS: Final = 4
_MAX_GROUP: Final = 0.05
"""Fraction of all faces; where more look alike, similarity says nothing about the photograph."""


def fold_faces(faces: FaceSet, groups: npt.NDArray[np.int32], seed: int) -> npt.NDArray[np.int8]:
    """Return the fold of each face, int8 (n,).

    There are ``NUM_FOLDS`` of about equal size, with the same fractions of the populations; fewer
    where there are fewer different faces, but an even number. Faces of one group stay together.
    Where no population has as many rows as there are folds, the fractions are left to chance.

    Args:
        faces: Training faces.
        groups: (n,), from ``group_faces``.
        seed: Of the assignment.

    Raises:
        InputError: If there are fewer than two different faces.
    """
    count = len(np.unique(groups))
    if count < 2:
        raise InputError(
            f"training.csv has {len(faces)} rows of {count} different face(s); at least two are "
            "needed, to train on one and test on the other"
        )
    from sklearn.model_selection import StratifiedGroupKFold

    folds = np.empty(len(faces), np.int8)
    number = min(NUM_FOLDS, count - count % 2)
    enough = np.bincount(faces.population).max() >= number
    population = faces.population if enough else np.zeros_like(faces.population)
    splitter = StratifiedGroupKFold(number, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")
        for fold, (_, rows) in enumerate(splitter.split(groups, population, groups)):
            folds[rows] = fold
    # where groups are large, some folds may be empty
    _, numbered = np.unique(folds, return_inverse=True)
    last = numbered.max()
    numbered[numbered == last] -= last % 2 == 0  # their number stays even
    return numbered.astype(np.int8)


def group_faces(faces: FaceSet) -> npt.NDArray[np.int32]:
    """Return a group number for each face, (n,), equal for faces of one photograph.

    These are the identical images of ``faces.group``, and those that look alike once the eyes are
    moved to the same positions.

    Args:
        faces: Training faces.
    """
    alike = _pairs_that_look_alike(faces)
    identical = np.stack([np.arange(len(faces)), _first_of(faces.group)], axis=1)
    groups = _connected(np.concatenate([identical, alike]), len(faces))
    if len(alike) and np.bincount(groups).max() > max(2, _MAX_GROUP * len(faces)):
        logger.info("Too many faces look alike: grouping identical images only")
        return _connected(identical, len(faces))
    return groups


def _pairs_that_look_alike(faces: FaceSet) -> npt.NDArray[np.int64]:
    eyes = faces.keypoints[:, [LEFT_EYE, RIGHT_EYE]]
    with np.errstate(invalid="ignore"):
        rows = np.flatnonzero(np.linalg.norm(eyes[:, 0] - eyes[:, 1], axis=1) >= MIN_EYE_DISTANCE)
    if len(rows) <= _NEIGHBOURS:
        return np.empty((0, 2), np.int64)
    from sklearn.neighbors import NearestNeighbors

    thumbnails = np.stack([_thumbnail(faces.images[row], eyes[row]) for row in rows])
    neighbours = NearestNeighbors(n_neighbors=_NEIGHBOURS, metric="cosine").fit(thumbnails)
    distance, other = neighbours.kneighbors(thumbnails)
    one, which = np.nonzero(distance < _SAME_PHOTOGRAPH)
    return np.stack([rows[one], rows[other[one, which]]], axis=1)


def _thumbnail(
    image: npt.NDArray[np.uint8], eyes: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """The face with its eyes at ``_EYES``, mean 0, as a vector (1024,)."""
    # a similarity transform as a complex factor: positions are x + iy
    there, here = _EYES @ [1, 1j], (eyes.astype(float) - 0.5) @ [1, 1j]
    factor = (there[0] - there[1]) / (here[0] - here[1])
    offset = there[1] - factor * here[1]
    matrix = np.array(
        [[factor.real, -factor.imag, offset.real], [factor.imag, factor.real, offset.imag]]
    )
    # average the pixels that fall together, where the face shrinks to a third
    smooth = cv2.blur(image, (3, 3))
    small = cv2.warpAffine(smooth, matrix, (_SIDE, _SIDE), borderMode=cv2.BORDER_REPLICATE)
    vector = small.astype(np.float32).ravel()
    vector -= vector.mean()
    return np.asarray(vector + 1e-6)


def _first_of(group: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Position of the first face of each one's group, (n,)."""
    _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    return np.asarray(first[inverse])


def _connected(pairs: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int32]:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(pairs)), pairs.T), shape=(count, count))
    _, groups = connected_components(graph, directed=False)
    return np.asarray(groups)
