"""Training a variant of the study."""

from functools import partial

from facial_keypoints.faces import FaceSet
from facial_keypoints.models.complexity import network_size
from facial_keypoints.models.registry import build_model
from facial_keypoints.parameters import VariantParameters
from facial_keypoints.training.fingerprints import fingerprint, origin_of, samples_origin
from facial_keypoints.training.models import build_trained_model
from facial_keypoints.training.records import STOPPED_BY_STUDY, Training, TrainingRecord
from facial_keypoints.training.stores import CheckpointStore
from facial_keypoints.training.task import variant_task
from facial_keypoints.training.trainer import train_model


def fit_variant(
    variant: VariantParameters,
    train: FaceSet,
    validation: FaceSet,
    store: CheckpointStore | None = None,
    run_id: str | None = None,
    deadline: float | None = None,
) -> Training:
    """Train one variant as its parameters say.

    The paper's section 5: Adam on the mean squared error, ReduceLROnPlateau and EarlyStopping on
    the validation loss with the best weights restored; here within ``max_minutes``.

    Args:
        variant: What to build and how to train it.
        train: Samples to train on.
        validation: Samples that decide on learning rate, end and best weights.
        store: Where the checkpoint lies that the training resumes from.
        run_id: MLflow run that records it.
        deadline: Unix time by which it ends; None leaves that to the variant.

    Returns:
        The training. If the loss diverged or memory was exhausted it has no model, and its
        record says why (``failure``).
    """
    task = variant_task(variant, train, validation, deadline)
    origin = origin_of(variant, samples_origin(train, validation))
    result = train_model(task, store)
    stopped = result.failure is None and result.may_pass
    size = None
    if result.failure is None:
        size = network_size(build_model(variant.architecture, variant.settings))
    record = TrainingRecord(
        variant=variant.name,
        architecture=variant.architecture,
        settings=variant.settings,
        fingerprint=fingerprint(origin),
        origin=origin,
        precision=result.precision,
        samples=len(train),
        epochs=len(result.history),
        steps=result.steps,
        best_epoch=result.best_epoch,
        ended_by=STOPPED_BY_STUDY if stopped else result.ended_by,
        interrupted_after_epochs=result.interruptions,
        minutes=result.seconds / 60,
        images_per_second=result.images_per_second,
        mlflow_run_id=run_id,
        size=size,
        failure=result.failure,
        may_pass=result.may_pass,
    )
    build = partial(
        build_trained_model, variant.architecture, variant.settings, result.predicting_weights
    )
    return Training(record, result.history, build)
