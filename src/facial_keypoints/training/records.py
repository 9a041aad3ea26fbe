"""A finished training: its record, its history and its model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from facial_keypoints.errors import InputError
from facial_keypoints.models.complexity import NetworkSize
from facial_keypoints.parameters import VariantParameters
from facial_keypoints.training.fingerprints import differences, fingerprint, origin_of

if TYPE_CHECKING:
    import keras

STOPPED_BY_STUDY: Final = "study budget"
"""What ended a training that ``study.minutes`` left no more time for."""


@dataclass(frozen=True)
class TrainingRecord:
    """How a training came about; saved as training_record.json.

    Attributes:
        variant: Its name.
        architecture: Name of the registered architecture.
        settings: Of the architecture.
        fingerprint: Of the origin.
        origin: All that decides on the outcome (see ``fingerprints``).
        precision: Number format that it trained in.
        samples: Number of training samples.
        epochs: Trained, in the mean of an ensemble's members.
        steps: Number of batches.
        best_epoch: With the lowest validation loss, from 1.
        ended_by: "all epochs", "early stopping", "time budget", ``STOPPED_BY_STUDY`` or "failure".
        interrupted_after_epochs: Where it was resumed.
        minutes: Wall-clock time, without interruptions.
        images_per_second: Trained on.
        mlflow_run_id: Run that recorded it; None where MLflow was unreachable.
        size: Layers, weights and arithmetic; None where the training failed.
        failure: Why there is no model; None where there is one.
        may_pass: Whether the same training may end better later: more memory may be free, or the
            study's budget stopped it.
        checkpoints: Fingerprints of the checkpoints that it makes obsolete.
    """

    variant: str
    architecture: str
    settings: dict[str, Any]
    fingerprint: str
    origin: dict[str, Any]
    precision: str
    samples: int
    epochs: float
    steps: int
    best_epoch: int | None
    ended_by: str | None
    interrupted_after_epochs: list[int]
    minutes: float
    images_per_second: float
    mlflow_run_id: str | None = None
    size: NetworkSize | None = None
    failure: str | None = None
    may_pass: bool = False
    checkpoints: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Training:
    """What a training leaves.

    Attributes:
        record: Origin, size and outcome of the training.
        history: The curve, a row per epoch.
        load_model: Returns the Keras model with its best weights; lazily, since most readers of a
            training do not need it. A failed training has none.
        reused: Whether an earlier run trained it.
    """

    record: TrainingRecord
    history: pd.DataFrame
    load_model: Callable[[], "keras.Model"]
    reused: bool = False

    @property
    def fingerprint(self) -> str:
        """Of what it was made from."""
        return self.record.fingerprint

    @property
    def failure(self) -> str | None:
        """Why there is no model; None where there is one."""
        return self.record.failure

    @property
    def is_final(self) -> bool:
        """Whether training again would end the same: a lack of memory or time may pass."""
        return not self.record.may_pass


def reusable_training(earlier: Mapping[str, Training], fingerprint: str) -> Training | None:
    """Return the earlier training of a fingerprint; None without one, or if it may end better now.

    Args:
        earlier: Trainings by fingerprint.
        fingerprint: Of what is to be trained.
    """
    training = earlier.get(fingerprint)
    return training if training is not None and training.is_final else None


def check_origin(
    training: Training, variant: VariantParameters, samples: Mapping[str, str]
) -> None:
    """Check that a training is of this configuration and these samples.

    Args:
        training: The training.
        variant: The configuration.
        samples: From ``fingerprints.samples_origin``.

    Raises:
        InputError: If it is not.
    """
    origin = origin_of(variant, samples)
    if fingerprint(origin) != training.fingerprint:
        raise InputError(
            f"{variant.name} was trained with other inputs "
            f"({differences(training.record.origin, origin)}). Train it (kedro run "
            "--pipeline=full, with the same --env and --params; the earlier training is kept), "
            "or give the parameters that it was trained with"
        )
