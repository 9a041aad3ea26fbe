"""Loss and metrics on coordinates (n, 30) in pixels, NaN where a label is missing.

This module imports Keras and is itself imported only inside functions (see ``registry``).
"""

from typing import Any

import keras
from keras import ops


def _squared_errors(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Squared error and 1.0 where the label is known, else 0.0 and 0.0; both (n, 30).

    The label is replaced before the subtraction: a NaN that is only masked afterwards would
    still poison the gradient.
    """
    known = ops.logical_not(ops.isnan(y_true))
    difference = y_pred - ops.where(known, y_true, y_pred)
    return ops.square(difference), ops.cast(known, y_pred.dtype)


@keras.saving.register_keras_serializable("facial_keypoints")
class MaskedMeanSquaredError(keras.losses.Loss):
    """Mean over all known coordinates of a batch of the squared error, in square pixels."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Per face, (n,): its sum of squared errors over the batch's mean count of labels."""
        squared, known = _squared_errors(y_true, y_pred)
        per_face = ops.mean(ops.sum(known, axis=-1))
        return ops.sum(squared, axis=-1) / ops.maximum(per_face, 1.0)


@keras.saving.register_keras_serializable("facial_keypoints")
class RootMeanSquaredError(keras.metrics.Metric):
    """RMSE in pixels over all known coordinates seen since the last reset."""

    def __init__(self, name: str = "rmse", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight(name="total", initializer="zeros", dtype="float32")
        self.count = self.add_weight(name="count", initializer="zeros", dtype="float32")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch; every known coordinate counts the same."""
        squared, known = _squared_errors(y_true, ops.cast(y_pred, "float32"))
        self.total.assign_add(ops.sum(squared))
        self.count.assign_add(ops.sum(known))

    def result(self) -> Any:
        """Root of the mean; 0 before the first known coordinate."""
        return ops.sqrt(self.total / ops.maximum(self.count, 1.0))


@keras.saving.register_keras_serializable("facial_keypoints")
class PaperAccuracy(keras.metrics.Metric):
    """The paper's accuracy (see ``metrics.paper_accuracy``) over the faces with all labels."""

    def __init__(self, name: str = "accuracy", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.hits = self.add_weight(name="hits", initializer="zeros", dtype="float32")
        self.count = self.add_weight(name="count", initializer="zeros", dtype="float32")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch; faces with a missing label do not count."""
        complete = ops.logical_not(ops.any(ops.isnan(y_true), axis=-1))
        same = ops.equal(
            ops.argmax(ops.where(ops.isnan(y_true), -1.0, y_true), axis=-1),
            ops.argmax(y_pred, axis=-1),
        )
        self.hits.assign_add(ops.sum(ops.cast(ops.logical_and(complete, same), "float32")))
        self.count.assign_add(ops.sum(ops.cast(complete, "float32")))

    def result(self) -> Any:
        """Share of hits; 0 before the first complete face."""
        return self.hits / ops.maximum(self.count, 1.0)
