"""What is trained, and what a training leaves."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import SWAP_INDEX
from facial_keypoints.parameters import TrainParameters, VariantParameters
from facial_keypoints.training.input_pipeline import Samples

Weights = list[npt.NDArray[np.float32]]


@dataclass(frozen=True)
class TrainingTask:
    """One training: what is trained, on what, how, and until when.

    Attributes:
        name: For the log.
        architecture: Name of a registered architecture.
        settings: Of the architecture.
        train: How it is trained.
        samples: What it is trained on.
        validation: What decides on learning rate, early stopping and best weights; None where
            nothing is validated.
        mirror_partners: Position of the keypoint that each keypoint becomes in a mirror.
        initial_weights: To start from; None draws them.
        span: Fractions of a longer training that this one covers, from and to.
        initial_strength: Of the random transforms; None takes the parameters'.
        deadline: Unix time by which it ends; None leaves that to ``train``. There is at least one
            step.
        variant: Whose MLflow run its curve belongs to, where that is not ``name``.
    """

    name: str
    architecture: str
    settings: dict[str, Any]
    train: TrainParameters
    samples: Samples
    validation: Samples | None = None
    mirror_partners: tuple[int, ...] = SWAP_INDEX
    initial_weights: Weights | None = None
    span: tuple[float, float] = (0.0, 1.0)
    initial_strength: float | None = None
    deadline: float | None = None
    variant: str | None = None


def variant_task(
    variant: VariantParameters,
    train: FaceSet,
    validation: FaceSet,
    deadline: float | None = None,
) -> TrainingTask:
    """Return the training of a variant.

    Args:
        variant: What to build and how to train it.
        train: Samples to train on.
        validation: Samples that decide on learning rate, end and best weights.
        deadline: Unix time by which it ends; None leaves that to the variant.
    """
    filled = variant.train.filled_label_weight
    return TrainingTask(
        name=variant.name,
        architecture=variant.architecture,
        settings=variant.settings,
        train=variant.train,
        samples=Samples.from_faces(train, filled),
        validation=Samples.from_faces(validation, filled),
        deadline=deadline,
    )


@dataclass(frozen=True)
class TrainingResult:
    """What a training leaves.

    Attributes:
        weights: The best by validation, or the last; in the order of ``Model.get_weights``.
        predicting_weights: Their moving averages where there are any, else ``weights``.
        history: Keras' figures of each epoch, a row each.
        precision: Number format that it trained in.
        epochs: Number of epochs; a fraction where time ended one.
        steps: Number of batches.
        samples: Number of samples trained on.
        seconds: Time that the training took, without interruptions.
        ended_by: "all epochs", "early stopping", "time budget" or "failure".
        interruptions: After how many epochs it was interrupted, each time.
        failure: Why there are no weights; None where there are.
        may_pass: Whether the same training may end better later: more memory may be free, or its
            deadline stopped it.
    """

    weights: Weights
    predicting_weights: Weights
    history: pd.DataFrame
    precision: str
    epochs: float
    steps: int
    samples: int
    seconds: float
    ended_by: str | None
    interruptions: list[int] = field(default_factory=list)
    failure: str | None = None
    may_pass: bool = False

    @property
    def best_epoch(self) -> int | None:
        """Epoch with the lowest validation loss, from 1; None where none was validated."""
        if "val_loss" not in self.history:
            return None
        validated = self.history.dropna(subset="val_loss").sort_values("val_loss", kind="stable")
        return None if validated.empty else int(validated["epoch"].iloc[0])

    @property
    def images_per_second(self) -> float:
        """Samples that were trained on per second."""
        return self.epochs * self.samples / max(self.seconds, 1e-9)
