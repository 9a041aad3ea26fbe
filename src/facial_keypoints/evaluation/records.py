"""Records of an evaluation, saved as JSON between nodes. None means: could not be measured."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Champion:
    """Identify the selected model: the best variant, or the competition's ensemble.

    Attributes:
        variant: its name.
        fingerprint: of its training.
        mlflow_run_id: the MLflow run that trained it; None where MLflow was unreachable.
        validation_rmse: in pixels, weighted as the leaderboard weights the populations.
        holdout_rmse: the same on the hold-out.
    """

    variant: str
    fingerprint: str
    mlflow_run_id: str | None
    validation_rmse: float | None = None
    holdout_rmse: float | None = None


@dataclass(frozen=True)
class SetMetrics:
    """Metrics of predictions on one set of faces.

    ``mse`` and ``paper_accuracy`` are the paper's: over all samples and values, with augmented
    copies and filled-in labels. All others are the competition's: over original images and labels
    that a person placed.

    Attributes:
        samples: number of samples.
        faces: number of original images among them.
        mse: in square pixels.
        paper_accuracy: from 0 to 1 (see ``metrics.paper_accuracy``).
        rmse: in pixels.
        rmse_a: in pixels, of population A.
        rmse_b: in pixels, of population B.
        rmse_leaderboard: in pixels, weighted by the values that the lookup table requests of each
            population.
        nme: normalised mean error.
        failure_rate: fraction of faces whose NME exceeds the threshold.
        rmse_per_keypoint: in pixels, by the name of a keypoint.
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
        validation: on the set that selects epochs and the champion.
        holdout: on the hold-out.
        unseen: on faces without a sibling in training or validation: the unseen set, or the
            hold-out of a split that does not leak. None where there are none.
        fingerprint: of the measured training; None for the mean face.
        failure: why the training has no model; None where it has one.
    """

    validation: SetMetrics
    holdout: SetMetrics
    unseen: SetMetrics | None
    fingerprint: str | None = None
    failure: str | None = None
