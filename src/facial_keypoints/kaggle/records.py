"""What is known of a submission on Kaggle."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["pending", "complete", "error"]


@dataclass(frozen=True)
class Submission:
    """A submission as Kaggle lists it.

    Attributes:
        reference: Kaggle's number of the submission.
        status: Whether it is being scored, is scored, or could not be scored.
        public_score: RMSE in pixels on the public part of the test set; None if unknown.
        private_score: RMSE in pixels on the private part; None if unknown.
        description: The description it was sent with.
        error: Why it could not be scored.
    """

    reference: int
    status: Status = "pending"
    public_score: float | None = None
    private_score: float | None = None
    description: str = ""
    error: str = ""


@dataclass(frozen=True)
class KaggleReceipt:
    """A submission that Kaggle has accepted.

    Attributes:
        competition: The competition's name in Kaggle's URLs.
        reference: Kaggle's number of the submission.
        description: The description shown on Kaggle.
        fingerprint: Of the submission file.
        mlflow_run_id: The run that trained the model; None where MLflow was unreachable.
    """

    competition: str
    reference: int
    description: str
    fingerprint: str
    mlflow_run_id: str | None


@dataclass(frozen=True)
class KaggleScore(KaggleReceipt):
    """The score of an accepted submission.

    Attributes:
        status: Whether Kaggle has scored it.
        public_score: RMSE in pixels on the public part of the test set; None if unknown.
        private_score: RMSE in pixels on the private part; None if unknown.
    """

    status: Status
    public_score: float | None
    private_score: float | None
