"""The trainer: one loop for the study's variants and the ensemble's members.

Keras' ``fit`` trains; what it lacks are callbacks of ours (``callbacks``, ``checkpoints``).
This module imports Keras inside functions only.
"""

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from facial_keypoints.errors import TrainingFailedError
from facial_keypoints.keypoints import SWAP_INDEX
from facial_keypoints.metrics import mean_face
from facial_keypoints.models.layers import OUTPUT_LAYER
from facial_keypoints.models.registry import build_model
from facial_keypoints.parameters import TrainParameters
from facial_keypoints.training.input_pipeline import Samples, make_batches, steps_per_epoch
from facial_keypoints.training.precision import choose_precision
from facial_keypoints.training.stores import CheckpointStore

if TYPE_CHECKING:
    import keras

    from facial_keypoints.training.callbacks import ExponentialMovingAverage, Progress
    from facial_keypoints.training.checkpoints import Checkpoint

logger = logging.getLogger(__name__)

Weights = list[npt.NDArray[np.float32]]

_MAX_EPOCHS: Final = 10**6
_MAX_STEPS: Final = 10**6
_MEASURED_SECONDS: Final = 4.0
_FIGURES: Final = ("loss", "rmse", "accuracy", "val_loss", "val_rmse", "val_accuracy")
"""Columns of the curve of a training that failed in its first epoch."""
_STRENGTH: Final = ((20.0, 60.0, 200.0), (0.3, 0.8, 1.0))
"""Epochs of a training, and the strength of random transforms at its start: a short one is taken to
gain nothing from faces that differ more than those it predicts."""


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


@dataclass(frozen=True)
class TrainingResult:
    """What a training leaves.

    Attributes:
        weights: The best by validation, or the last; in the order of ``Model.get_weights``.
        predicting_weights: Their moving averages where there are any, else ``weights``.
        history: Keras' figures of each epoch, a row each.
        precision: Number format that it trained in.
        epochs: How often each sample was seen, on average.
        steps: Number of batches.
        samples: Number of samples trained on.
        seconds: Time that the training took, without interruptions.
        ended_by: "all epochs", "early stopping", "time budget" or "failure".
        interruptions: After how many epochs it was interrupted, each time.
        failure: Why there are no weights; None where there are.
        may_pass: Whether the same training may succeed later (with more memory free, say).
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


def train_model(task: TrainingTask, store: CheckpointStore | None = None) -> TrainingResult:
    """Train one model to its end, from its checkpoint where there is one.

    Args:
        task: What to do.
        store: Where the state after each epoch is kept.

    Returns:
        The result. If the loss diverged or memory was exhausted it has no weights, and says why.
    """
    from facial_keypoints.training.checkpoints import Checkpoint

    precision, reason = choose_precision(task.train.precision)
    logger.info("%s: trains in %s (%s)", task.name, precision, reason)
    checkpoint = Checkpoint(task.name, precision, store)
    batch_size = min(task.train.batch_size, len(task.samples))
    steps = steps_per_epoch(len(task.samples), batch_size)
    weights: Weights = []
    predicting: Weights = []
    failure: TrainingFailedError | None = None
    progress = None
    started = time.monotonic()
    try:
        with keras_session(task.train, precision), out_of_memory_as_failure():
            model = build_training_model(task)
            progress, average = _fit(model, task, checkpoint)
            weights = model.get_weights()
            predicting = weights
            if average is not None:
                predicting = [np.asarray(variable) for variable in average.variables]
    except TrainingFailedError as error:
        failure = error
    done_steps = len(checkpoint.epochs) * steps if progress is None else progress.steps
    history = pd.DataFrame(
        checkpoint.epochs, columns=None if checkpoint.epochs else list(_FIGURES), dtype=float
    )
    history.insert(0, "epoch", np.arange(1, len(history) + 1))
    all_steps = None if task.train.epochs is None else task.train.epochs * steps
    ended_by = "all epochs" if done_steps == all_steps else checkpoint.ended_by
    return TrainingResult(
        weights=weights,
        predicting_weights=predicting,
        history=history,
        precision=precision,
        epochs=done_steps * batch_size / len(task.samples),
        steps=done_steps,
        samples=len(task.samples),
        seconds=time.monotonic() - started if progress is None else progress.seconds,
        ended_by="failure" if failure else ended_by,
        interruptions=checkpoint.interruptions,
        failure=None if failure is None else str(failure),
        may_pass=failure is not None and failure.may_pass,
    )


def _fit(
    model: "keras.Model", task: TrainingTask, checkpoint: "Checkpoint"
) -> tuple["Progress", "ExponentialMovingAverage | None"]:
    """Train to the end, from the checkpoint."""
    import keras

    from facial_keypoints.training import callbacks as own

    train, count = task.train, len(task.samples)
    batch_size = min(train.batch_size, count)
    steps = steps_per_epoch(count, batch_size)
    progress = own.Progress(None if train.epochs is None else train.epochs * steps, task.span)
    average = None
    if train.ema_decay is not None:
        average = own.ExponentialMovingAverage(progress, train.ema_decay)
        average.build(model)
    checkpoint.restore(model, average)
    done, facts = len(checkpoint.epochs), checkpoint.facts
    progress.start(facts.get("seconds", 0.0), facts.get("steps", 0), _budget_seconds(task, facts))
    watched: list[keras.callbacks.Callback] = [own.DivergenceGuard()]
    if progress.budget_seconds is not None:
        validated = 0 if task.validation is None else -(-len(task.validation) // batch_size)
        watched.append(own.TimeBudget(progress, validated))
    if train.schedule == "cosine":
        watched.append(own.CosineSchedule(progress, train.learning_rate, train.warmup_steps))
    else:
        if progress.budget_seconds is not None:
            watched.append(own.Cooldown(progress, progress.budget_seconds * train.cooldown))
        if task.validation is not None:
            plateau = train.reduce_on_plateau
            watched.append(
                keras.callbacks.ReduceLROnPlateau(
                    factor=plateau.factor,
                    patience=plateau.patience,
                    min_lr=plateau.min_learning_rate,
                )
            )
    if task.validation is not None and train.early_stopping_patience is not None:
        watched.append(
            keras.callbacks.EarlyStopping(
                patience=train.early_stopping_patience, restore_best_weights=True
            )
        )
    checkpoint.watch(watched, progress, average)
    log = own.ProgressLog(
        task.name,
        progress,
        variant=task.variant,
        first_epoch=done,
        epochs=train.epochs,
        steps_per_epoch=steps,
        best=min((epoch.get("val_loss", np.inf) for epoch in checkpoint.epochs), default=np.inf),
    )
    validation = None
    if task.validation is not None:
        validation = (task.validation.images, *task.validation.known())
    epochs = train.epochs or _MAX_EPOCHS
    model.fit(
        make_batches(
            task.samples,
            batch_size,
            done,
            seed=train.seed,
            shuffle=train.shuffle,
            augment=_augmenter(task, progress),
        ),
        steps_per_epoch=steps,
        initial_epoch=done if checkpoint.ended_by is None else epochs,
        epochs=epochs,
        validation_data=validation,
        validation_batch_size=batch_size,
        shuffle=False,  # the batches are in order already
        verbose=0,
        # steps are counted before the others look; an epoch is logged once it is saved
        callbacks=[progress, *([average] if average else []), *watched, checkpoint, log],
    )
    return progress, average


def _budget_seconds(task: TrainingTask, restored: dict[str, Any]) -> float | None:
    """Seconds that the whole training may take; a resumed one takes no longer than without."""
    budget = None if task.train.max_minutes is None else 60 * task.train.max_minutes
    if task.deadline is None:
        return budget
    done = float(restored.get("seconds", 0.0))
    until_deadline = done + max(task.deadline - time.time(), 0.0)
    bounds = [until_deadline, budget, restored.get("budget_seconds")]
    return max(min(bound for bound in bounds if bound is not None), 1e-3)


def _augmenter(task: TrainingTask, progress: "Progress") -> Any:
    """The random transforms of each batch, as strong as the training's progress asks for."""
    parameters = task.train.augmentation
    if parameters is None:
        return None
    import tensorflow as tf

    from facial_keypoints.augmentation.random_transforms import RandomTransforms

    initial = task.initial_strength
    if initial is None:
        initial = initial_strength(task.train, float(task.train.epochs or _STRENGTH[0][-1]))
    final = task.train.final_strength

    def strength(step: Any) -> Any:
        fraction = tf.constant(task.span[0], tf.float32)
        if progress.budget_seconds is not None:
            # read when the batch is made: time is not known beforehand
            by_time = tf.numpy_function(lambda: np.float32(progress.fraction), [], tf.float32)
            fraction = tf.maximum(fraction, tf.ensure_shape(by_time, ()))
        if progress.total_steps is not None:
            by_step = tf.cast(step, tf.float32) / progress.total_steps
            start, end = task.span
            fraction = tf.maximum(fraction, start + (end - start) * tf.minimum(by_step, 1.0))
        return initial + fraction * (final - initial)

    def augment(step: Any, images: Any, targets: Any, weights: Any) -> tuple[Any, Any, Any]:
        seed = tf.stack([tf.constant(task.train.seed, tf.int64), step])
        apply = RandomTransforms(parameters, task.mirror_partners, seed, strength(step))
        return apply(images, targets, weights)

    return augment


def initial_strength(train: TrainParameters, epochs: float) -> float:
    """Return the strength of random transforms at the start of a training.

    Args:
        train: May fix it.
        epochs: How many there will be.
    """
    if train.initial_strength is not None:
        return train.initial_strength
    return float(np.interp(np.log(max(epochs, 1.0)), np.log(_STRENGTH[0]), _STRENGTH[1]))


def build_training_model(task: TrainingTask) -> "keras.Model":
    """Return the task's model, from images to (n, p, 2), compiled."""
    import keras

    from facial_keypoints.models.metrics import PaperAccuracy

    train = task.train
    model = build_model(task.architecture, {**task.settings, "fast_training": True})
    if task.initial_weights is not None:
        model.set_weights(task.initial_weights)
    elif train.start_at_mean:
        _start_at_mean(model, task.samples)
    points = task.samples.targets.shape[1]
    outputs = keras.layers.Reshape((points, 2), dtype="float32")(model.output)
    model = keras.Model(model.input, outputs)
    losses = {
        "mse": keras.losses.MeanSquaredError,
        "huber": lambda reduction: keras.losses.Huber(train.huber_delta, reduction=reduction),
    }
    if train.optimizer == "adamw":
        optimizer = keras.optimizers.AdamW(
            train.learning_rate,
            weight_decay=train.weight_decay,
            global_clipnorm=train.global_clipnorm,
        )
        optimizer.exclude_from_weight_decay(var_names=["gamma", "beta"])
    else:
        optimizer = keras.optimizers.Adam(
            train.learning_rate, global_clipnorm=train.global_clipnorm
        )
    model.compile(
        optimizer=optimizer,
        # unknown keypoints have the weight 0: the mean is over the known ones
        loss=losses[train.loss](reduction="mean_with_sample_weight"),
        weighted_metrics=[]
        if task.validation is None
        else [keras.metrics.RootMeanSquaredError(name="rmse"), PaperAccuracy()],
        jit_compile=False,  # XLA on a CPU made Table 1's network four times slower
        steps_per_execution=1,
    )
    optimizer.build(model.trainable_variables)
    return model


def _start_at_mean(model: "keras.Model", samples: Samples) -> None:
    """Initialise the output bias with the mean face; heat maps have none."""
    match model.get_layer(OUTPUT_LAYER).get_weights():
        case [kernel, _]:
            mean = mean_face(samples.targets).ravel()
            model.get_layer(OUTPUT_LAYER).set_weights([kernel, mean])


def build_trained_model(
    architecture: str, settings: dict[str, Any], weights: Weights
) -> "keras.Model":
    """Return a model for prediction: without optimizer and loss, in float32.

    Weights are kept in float32 whatever the precision. The model consists of Keras' own layers, so
    that it loads without this package.

    Args:
        architecture: Name of a registered architecture.
        settings: Of the architecture.
        weights: From ``TrainingResult``.
    """
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        model = build_model(architecture, settings)
    finally:
        keras.config.set_dtype_policy(before)
    model.set_weights(weights)
    return model


@dataclass(frozen=True)
class Speed:
    """How fast a model trains and predicts on this machine.

    Attributes:
        trained: Images per second, in training.
        predicted: Images per second, with their mirror images.
        set_up_seconds: Building the graph.
    """

    trained: float
    predicted: float
    set_up_seconds: float


def measure_speed(task: TrainingTask, seconds: float = _MEASURED_SECONDS) -> Speed:
    """Train and predict for some seconds.

    Args:
        task: What to train; its end does not matter.
        seconds: Time to measure training for, after the graph is built.
    """
    from facial_keypoints.models.inference import make_predictor
    from facial_keypoints.training.callbacks import Progress, Stopwatch

    precision, _ = choose_precision(task.train.precision)
    batch_size = min(task.train.batch_size, len(task.samples))
    with keras_session(task.train, precision), out_of_memory_as_failure():
        stopwatch = Stopwatch(seconds)
        model = build_training_model(task)
        batches = make_batches(
            task.samples, batch_size, 0, seed=0, augment=_augmenter(task, Progress())
        )
        model.fit(batches, steps_per_epoch=_MAX_STEPS, verbose=0, callbacks=[stopwatch])
        predict = make_predictor(model)
        few = task.samples.images[: 4 * batch_size]
        predict(few)
        started = time.monotonic()
        predict(few)
        predicted = len(few) / (2 * (time.monotonic() - started))
    trained = batch_size / stopwatch.seconds_per_step
    return Speed(trained, predicted, stopwatch.set_up_seconds)


@contextmanager
def keras_session(train: TrainParameters, precision: str) -> Iterator[None]:
    """Set seed and precision for the block; nothing of its graphs is left behind.

    Args:
        train: Holds the seed.
        precision: Keras' name of the dtype policy.
    """
    import keras

    keras.utils.set_random_seed(train.seed)
    if train.deterministic:
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
        keras.backend.clear_session()


@contextmanager
def out_of_memory_as_failure() -> Iterator[None]:
    """Turn a lack of memory into a failed training.

    Raises:
        TrainingFailedError: In place of TensorFlow's or Python's error.
    """
    import tensorflow as tf

    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        shape = re.search(r"OOM when allocating tensor with shape\[[^\]]*\]", str(error))
        detail = shape.group() if shape else str(error).partition("\n")[0]
        raise TrainingFailedError(
            f"memory is exhausted ({detail}); use a smaller train.batch_size or narrower layers",
            may_pass=True,
        ) from error
