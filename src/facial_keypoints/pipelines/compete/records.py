"""What passes between the nodes of the compete pipeline."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facial_keypoints.models.heads import Points
from facial_keypoints.training.task import Weights


@dataclass(frozen=True)
class Folds:
    """Folds of the training faces.

    Attributes:
        fold: int8 (n,).
        photograph: int32 (n,), equal for images of one photograph; these share a fold.
    """

    fold: npt.NDArray[np.int8]
    photograph: npt.NDArray[np.int32]

    @property
    def count(self) -> int:
        """Number of folds."""
        return int(self.fold.max()) + 1


@dataclass(frozen=True)
class FirstStage:
    """First-stage models, each trained on one half of the faces.

    Attributes:
        predictions: float32 (n, 15, 2), out-of-fold, in pixels; NaN where the models that have not
            seen the face diverged.
        weights: Of each model, to start members from; none for one that diverged.
        fingerprints: str (k,), of their checkpoints.
    """

    predictions: Points
    weights: list[Weights]
    fingerprints: npt.NDArray[np.str_]


@dataclass(frozen=True)
class Members:
    """Ensemble members, each trained on all faces but those of a fold.

    Attributes:
        test_predictions: float32 (m, t, 19, 2), of each member on the test images.
        predictions: float32 (m, n, 19, 2), on the faces that it was not trained on, NaN for others.
        held_out: int (m,), the fold of these.
        mirror_bias: float32 (19, 2), which is part of both predictions.
        weights: Of each member, the averaged ones.
        histories: Of each member: one array (k, 2) of epoch (from 1) and mean loss.
        epochs: float (m,), that each member trained for.
        steps: int (m,), batches of each member.
        samples: int (m,), faces that each member trained on.
        seconds: float (m,), that its training took.
        precisions: str (m,), Keras' name of the precision that each member trained in.
        fingerprints: str (p,), of all members' checkpoints.
    """

    test_predictions: Points
    predictions: Points
    held_out: npt.NDArray[np.int64]
    mirror_bias: Points
    weights: list[Weights]
    histories: list[list[npt.NDArray[np.float64]]]
    epochs: npt.NDArray[np.float64]
    steps: npt.NDArray[np.int64]
    samples: npt.NDArray[np.int64]
    seconds: npt.NDArray[np.float64]
    precisions: npt.NDArray[np.str_]
    fingerprints: npt.NDArray[np.str_]
