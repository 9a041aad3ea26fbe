"""The champion with its model, and faces that it was not trained on."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facial_keypoints.evaluation.records import Champion
from facial_keypoints.faces import FaceSet
from facial_keypoints.training.records import Training


@dataclass(frozen=True)
class UnseenFaces:
    """Labelled faces that a model was not trained on.

    Attributes:
        faces: Without augmented copies; labels that the label audit flags are NaN.
        member: int64 (n,), the member of an ensemble that was not trained on the face, from 0; -1
            where the whole model was not.
    """

    faces: FaceSet
    member: npt.NDArray[np.int64]


@dataclass(frozen=True)
class ChampionModel:
    """The champion with its training.

    Attributes:
        champion: Names the variant, or the ensemble.
        training: Has the Keras model, which is loaded on demand.
        load_unseen: Returns faces that the champion was not trained on; on demand as well.
    """

    champion: Champion
    training: Training
    load_unseen: Callable[[], UnseenFaces]
