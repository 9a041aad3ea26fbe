"""Building, timing and fitting one variant."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from facial_keypoints.faces import FaceSet
from facial_keypoints.metrics import mean_face
from facial_keypoints.models.complexity import complexity
from facial_keypoints.models.layers import OUTPUT_LAYER
from facial_keypoints.models.registry import build_model
from facial_keypoints.parameters import VariantParameters
from facial_keypoints.pipelines.train.precision import choose_precision
from facial_keypoints.trainings import Training

if TYPE_CHECKING:
    import keras

logger = logging.getLogger(__name__)

_TIMED_STEPS = 3


def fit_variant(
    variant: VariantParameters,
    train: FaceSet,
    validation: FaceSet,
    callbacks: list["keras.callbacks.Callback"],
) -> Training:
    """Train one variant as its parameters say.

    Adam on the masked mean squared error, ReduceLROnPlateau and EarlyStopping on the validation
    loss with the best weights restored (the paper's section 5), within ``max_minutes``.

    Args:
        variant: what to build and how to train it.
        train: samples to learn from.
        validation: samples that decide on learning rate, end and best weights.
        callbacks: further Keras callbacks (MLflow's).
    """
    import keras

    from facial_keypoints.pipelines.train.callbacks import Cooldown, ProgressLog, TimeBudget

    started = time.monotonic()
    how = variant.train
    batch = min(how.batch_size, len(train))
    steps_per_epoch = -(-len(train) // batch)
    precision, why = choose_precision(how.precision)
    logger.info("%s  trains in %s: %s", variant.name, precision, why)
    with _keras_set_up(variant, precision):
        model = compiled_model(variant, train)
        budget = None
        timed: list[keras.callbacks.Callback] = []
        if how.max_minutes is not None:
            validation_batches = -(-len(validation) // batch)
            budget = TimeBudget(started, how.max_minutes, validation_batches)
            cooldown = Cooldown(budget.deadline, 60 * how.max_minutes * how.cooldown)
            timed = [budget, cooldown]
        plateau = how.reduce_on_plateau
        history = model.fit(
            train.images,
            _targets(train),
            batch_size=batch,
            epochs=how.epochs,
            validation_data=(validation.images, _targets(validation)),
            verbose=0,
            shuffle=how.shuffle,
            callbacks=[
                *timed,
                keras.callbacks.ReduceLROnPlateau(
                    factor=plateau.factor,
                    patience=plateau.patience,
                    min_lr=plateau.min_learning_rate,
                ),
                keras.callbacks.EarlyStopping(
                    patience=how.early_stopping_patience, restore_best_weights=True
                ),
                ProgressLog(
                    variant.name,
                    how.epochs,
                    steps_per_epoch,
                    budget.deadline if budget else None,
                ),
                *callbacks,
            ],
        )
        steps = int(model.optimizer.iterations.numpy())
        trained = _without_training_state(model, variant)
    seconds = time.monotonic() - started
    curve = _curve(history.history)
    if steps == how.epochs * steps_per_epoch:
        ended = "all epochs"
    else:
        ended = "time budget" if budget and budget.ran_out else "early stopping"
    validated = curve.dropna(subset="val_loss").sort_values("val_loss", kind="stable")
    record = {
        "variant": variant.name,
        "architecture": variant.architecture,
        "settings": variant.settings,
        "train": how.model_dump(mode="json"),
        "precision": precision,
        **complexity(trained),
        "samples": len(train),
        "epochs": len(curve),
        "steps": steps,
        "best_epoch": None if validated.empty else int(validated["epoch"].iloc[0]),
        "ended_by": ended,
        "minutes": seconds / 60,
        "images_per_second": steps * batch / seconds,
    }
    return Training(record, curve, lambda: trained)


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
        kernel, _ = model.get_layer(OUTPUT_LAYER).get_weights()
        model.get_layer(OUTPUT_LAYER).set_weights([kernel, mean_face(train.keypoints).ravel()])
    model.compile(
        optimizer=keras.optimizers.Adam(variant.train.learning_rate),
        loss=MaskedMeanSquaredError(),
        metrics=[RootMeanSquaredError(), PaperAccuracy()],
        jit_compile=False,  # XLA on a CPU made Table 1's network four times slower
    )
    return model


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


def _curve(history: dict[str, list[float]]) -> pd.DataFrame:
    curve = pd.DataFrame(history)
    curve.insert(0, "epoch", np.arange(1, len(curve) + 1))
    return curve
