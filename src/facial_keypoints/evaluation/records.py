"""Records of an evaluation, saved as JSON between nodes. None means: could not be measured."""

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
