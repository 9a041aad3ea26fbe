"""Building, timing and fitting one variant."""

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from facial_keypoints.errors import TrainingFailedError
from facial_keypoints.faces import FaceSet
from facial_keypoints.metrics import mean_face
from facial_keypoints.models.complexity import complexity
from facial_keypoints.models.layers import OUTPUT_LAYER
from facial_keypoints.models.registry import build_model
from facial_keypoints.parameters import TrainParameters, VariantParameters
from facial_keypoints.training.precision import choose_precision
from facial_keypoints.training.records import Training
from facial_keypoints.training.stores import CheckpointStore

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from facial_keypoints.training.checkpoints import CheckpointCallback

logger = logging.getLogger(__name__)

_TIMED_STEPS = 3


def fit_variant(
    variant: VariantParameters,
    train: FaceSet,
    validation: FaceSet,
    callbacks: list["keras.callbacks.Callback"],
    backup: CheckpointStore | None = None,
) -> Training:
    """Train one variant as its parameters say.

    Adam on the masked mean squared error, ReduceLROnPlateau and EarlyStopping on the validation
    loss with the best weights restored (the paper's section 5), within ``max_minutes``.

    Args:
        variant: what to build and how to train it.
        train: samples to learn from.
        validation: samples that decide on learning rate, end and best weights.
        callbacks: further Keras callbacks (MLflow's).
        backup: where the state after each epoch is kept, and where an interrupted training is
            gone on with from.

    Returns:
        The training. If its loss ran away or memory did not suffice it has no model, and its
        record tells why (``failure``).
    """
    from facial_keypoints.training.checkpoints import CheckpointCallback

    how = variant.train
    batch = min(how.batch_size, len(train))
    precision, why = choose_precision(how.precision)
    course = CheckpointCallback(variant.name, precision, backup)
    logger.info("%s  trains in %s: %s", variant.name, precision, why)
    record: dict[str, Any] = {
        "variant": variant.name,
        "architecture": variant.architecture,
        "settings": variant.settings,
        "train": how.model_dump(mode="json"),
        "precision": precision,
        "samples": len(train),
    }
    trained = None
    try:
        with _keras_set_up(variant, precision), out_of_memory_as_failure():
            model = compiled_model(variant, train)
            course.go_on(model)
            _fit(model, variant, train, validation, course, callbacks)
            trained = _without_training_state(model, variant)
            record |= complexity(trained)
    except TrainingFailedError as failure:
        course.ended_by = "failure"
        record |= {"failure": str(failure), "failure_may_pass": failure.may_pass}
    curve = course.curve()
    validated = curve.dropna(subset="val_loss").sort_values("val_loss", kind="stable")
    all_steps = how.epochs * -(-len(train) // batch)
    record |= {
        "epochs": len(curve),
        "steps": course.steps,
        "best_epoch": None if validated.empty else int(validated["epoch"].iloc[0]),
        "ended_by": "all epochs" if course.steps == all_steps else course.ended_by,
        "interrupted_after_epochs": course.interruptions,
        "minutes": course.seconds / 60,
        "images_per_second": course.steps * batch / course.seconds,
    }
    return Training(record, curve, lambda: trained)


def _fit(
    model: "keras.Model",
    variant: VariantParameters,
    train: FaceSet,
    validation: FaceSet,
    course: "CheckpointCallback",
    callbacks: list["keras.callbacks.Callback"],
) -> None:
    """Train to the end, from where the course stands."""
    import keras

    from facial_keypoints.training.callbacks import (
        Cooldown,
        DivergenceGuard,
        ProgressLog,
        TimeBudget,
    )

    how = variant.train
    batch = min(how.batch_size, len(train))
    steps = -(-len(train) // batch)
    own: list[keras.callbacks.Callback] = [DivergenceGuard()]
    deadline = None
    if how.max_minutes is not None:
        budget = TimeBudget(course.started, how.max_minutes, -(-len(validation) // batch))
        deadline = budget.deadline
        own += [budget, Cooldown(deadline, 60 * how.max_minutes * how.cooldown)]
    plateau = how.reduce_on_plateau
    own += [
        keras.callbacks.ReduceLROnPlateau(
            factor=plateau.factor, patience=plateau.patience, min_lr=plateau.min_learning_rate
        ),
        keras.callbacks.EarlyStopping(
            patience=how.early_stopping_patience, restore_best_weights=True
        ),
    ]
    course.watch(own)
    done = len(course.epochs)
    best = min((epoch["val_loss"] for epoch in course.epochs), default=float("inf"))
    progress = ProgressLog(variant.name, how.epochs, steps, deadline, best)
    model.fit(
        batches(train, batch, range(done, how.epochs), how),
        steps_per_epoch=steps,
        initial_epoch=done if course.ended_by is None else how.epochs,
        epochs=how.epochs,
        validation_data=(validation.images, _targets(validation)),
        validation_batch_size=batch,
        shuffle=False,
        verbose=0,
        callbacks=[*own, course, progress, *callbacks],  # an epoch is told of once it is kept
    )


def batches(
    faces: FaceSet, batch_size: int, epochs: range, how: TrainParameters
) -> "tf.data.Dataset":
    """Images and targets of epoch after epoch, in the order in which training sees them.

    The order of an epoch comes from the seed and its number alone, so that a training that was
    interrupted sees what it would have seen; Keras' own shuffling begins anew with each ``fit``.
    """
    import tensorflow as tf

    with tf.device("CPU"):
        images, targets = tf.constant(faces.images), tf.constant(_targets(faces))
        in_turn = tf.range(len(faces))

    def order(epoch: "tf.Tensor") -> "tf.data.Dataset":
        rows = in_turn
        if how.shuffle:
            seed = tf.stack([tf.constant(how.seed, tf.int64), epoch])
            rows = tf.random.experimental.stateless_shuffle(in_turn, seed)
        return tf.data.Dataset.from_tensor_slices(rows).batch(batch_size)

    return (
        tf.data.Dataset.range(epochs.start, epochs.stop)
        .flat_map(order)
        .map(
            lambda rows: (tf.gather(images, rows), tf.gather(targets, rows)),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        .prefetch(2)
    )


@contextmanager
def out_of_memory_as_failure() -> Iterator[None]:
    """Tell of a lack of memory as of a failed training.

    Raises:
        TrainingFailedError: in place of TensorFlow's or Python's error.
    """
    import tensorflow as tf

    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        shape = re.search(r"OOM when allocating tensor with shape\[[^\]]*\]", str(error))
        told = shape.group() if shape else str(error).partition("\n")[0]
        raise TrainingFailedError(
            f"memory did not suffice ({told}); a smaller train.batch_size or narrower "
            "layers need less",
            may_pass=True,
        ) from error


def seconds_per_step(variant: VariantParameters, train: FaceSet) -> float:
    """Duration of one training step of ``variant`` on this machine, measured by a few."""
    precision, _ = choose_precision(variant.train.precision)
    rows = np.arange(variant.train.batch_size) % len(train)
    images, targets = train.images[rows], _targets(train)[rows]
    with _keras_set_up(variant, precision):
        model = compiled_model(variant, train)
        model.train_on_batch(images, targets)  # builds the graph
        durations = []
        for _ in range(_TIMED_STEPS):
            began = time.monotonic()
            model.train_on_batch(images, targets)
            durations.append(time.monotonic() - began)
    return float(np.median(durations))


def compiled_model(variant: VariantParameters, train: FaceSet) -> "keras.Model":
    """The variant's model, ready to train under the precision that is set."""
    import keras

    from facial_keypoints.models.losses import (
        MaskedMeanSquaredError,
        PaperAccuracy,
        RootMeanSquaredError,
    )

    model = build_model(variant.architecture, variant.settings)
    if variant.train.start_at_mean:
        _start_at_mean(model, train)
    model.compile(
        optimizer=keras.optimizers.Adam(variant.train.learning_rate),
        loss=MaskedMeanSquaredError(),
        metrics=[RootMeanSquaredError(), PaperAccuracy()],
        jit_compile=False,  # XLA on a CPU made Table 1's network four times slower
    )
    return model


def _start_at_mean(model: "keras.Model", train: FaceSet) -> None:
    """Let the output bias be the mean face; heat maps have none, and start at the centre."""
    match model.get_layer(OUTPUT_LAYER).get_weights():
        case [kernel, _]:
            mean = mean_face(train.keypoints).ravel()
            model.get_layer(OUTPUT_LAYER).set_weights([kernel, mean])


def _targets(faces: FaceSet) -> npt.NDArray[np.float32]:
    return faces.keypoints.reshape(len(faces), -1)


@contextmanager
def _keras_set_up(variant: VariantParameters, precision: str) -> Iterator[None]:
    """Seed and precision for the block; nothing of the block's graph is left behind."""
    import keras

    keras.utils.set_random_seed(variant.train.seed)
    if variant.train.deterministic:
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
        keras.backend.clear_session()


def _without_training_state(model: "keras.Model", variant: VariantParameters) -> "keras.Model":
    """The same network without optimizer and loss, in float32 (which the weights are kept in
    whatever the precision): a third of the size, and loadable without this package.
    """
    import keras

    keras.config.set_dtype_policy("float32")
    plain = build_model(variant.architecture, variant.settings)
    plain.set_weights(model.get_weights())
    return plain
