"""Records of an evaluation, saved as JSON between nodes. None means: could not be measured."""

import hashlib
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Champion:
    """Identify the selected model: the best variant, or the competition's ensemble.

    Attributes:
        variant: Its name.
        fingerprint: Of its training.
        mlflow_run_id: The MLflow run that trained it; None where MLflow was unreachable.
        validation_rmse: In pixels, weighted as the leaderboard weights the populations.
        holdout_rmse: The same on the hold-out.
        test_predictions: Fingerprint of its predictions on the test images (see
            ``points_fingerprint``); None in records of earlier versions.
    """

    variant: str
    fingerprint: str
    mlflow_run_id: str | None
    validation_rmse: float | None = None
    holdout_rmse: float | None = None
    test_predictions: str | None = None


def points_fingerprint(points: npt.NDArray[np.floating]) -> str:
    """Return twelve hexadecimal digits that identify predictions (n, 15, 2)."""
    return hashlib.sha256(np.asarray(points, np.float32).tobytes()).hexdigest()[:12]


@dataclass(frozen=True)
class SetMetrics:
    """Metrics of predictions on one set of faces.

    ``mse`` and ``paper_accuracy`` are the paper's: over all samples and values, with augmented
    copies and filled-in labels. All others are the competition's: over original images and labels
    that a person placed.

    Attributes:
        samples: Number of samples.
        faces: Number of original images among them.
        mse: In square pixels.
        paper_accuracy: From 0 to 1 (see ``metrics.paper_accuracy``).
        rmse: In pixels.
        rmse_a: In pixels, of population A.
        rmse_b: In pixels, of population B.
        rmse_leaderboard: In pixels, weighted by the values that the lookup table requests of each
            population.
        nme: Normalised mean error.
        failure_rate: Fraction of faces whose NME exceeds the threshold.
        rmse_per_keypoint: In pixels, by the name of a keypoint.
    """

    samples: int
    faces: int
    mse: float | None
    paper_accuracy: float | None
    rmse: float | None
    rmse_a: float | None
    rmse_b: float | None
    rmse_leaderboard: float | None
    nme: float | None
    failure_rate: float | None
    rmse_per_keypoint: dict[str, float | None]

    @property
    def score(self) -> float | None:
        """RMSE in pixels that variants are compared by, as close to Kaggle's as can be measured.

        The leaderboard's where both populations were measured, else that of all labels; in a set
        without a labelled original image, that of all samples.
        """
        for value in (self.rmse_leaderboard, self.rmse):
            if value is not None:
                return value
        return None if self.mse is None else math.sqrt(self.mse)


@dataclass(frozen=True)
class VariantMetrics:
    """Metrics of one variant on each set.

    Attributes:
        validation: On the set that selects epochs and the champion.
        holdout: On the hold-out.
        unseen: On faces without a copy in training or validation: the unseen set, or the
            hold-out of a split that does not leak. None where there are none.
        fingerprint: Of the measured training; None for the mean face.
        failure: Why the training has no model; None where it has one.
    """

    validation: SetMetrics
    holdout: SetMetrics
    unseen: SetMetrics | None
    fingerprint: str | None = None
    failure: str | None = None

    @property
    def leak(self) -> float | None:
        """MSE on unseen faces over that on the hold-out: 1 where the hold-out does not leak."""
        if self.unseen is None or self.unseen.mse is None or not self.holdout.mse:
            return None
        return self.unseen.mse / self.holdout.mse
