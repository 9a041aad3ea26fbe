"""Models to train, and models to predict with."""

from typing import TYPE_CHECKING, Any

from facial_keypoints.metrics import mean_face
from facial_keypoints.models.layers import OUTPUT_LAYER
from facial_keypoints.models.registry import build_model
from facial_keypoints.training.input_pipeline import Samples
from facial_keypoints.training.task import TrainingTask, Weights

if TYPE_CHECKING:
    import keras


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
