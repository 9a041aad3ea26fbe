"""Keras metrics on keypoints (n, p, 2) in pixels, with a weight of 0 where a label is missing.

This module imports Keras and is itself imported only inside functions (see ``registry``).
"""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("facial_keypoints")
class PaperAccuracy(keras.metrics.Metric):
    """The paper's accuracy (see ``metrics.paper_accuracy``) over the faces with all labels.

    Example:
        >>> import numpy as np
        >>> metric = PaperAccuracy()
        >>> metric.update_state(np.eye(2)[None], np.eye(2)[None], np.ones((1, 2)))
        >>> float(metric.result())
        1.0
    """

    def __init__(self, name: str = "accuracy", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.hits = self.add_weight(name="hits", initializer="zeros", dtype="float32")
        self.count = self.add_weight(name="count", initializer="zeros", dtype="float32")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch; faces with a missing label do not count.

        Args:
            y_true: (n, p, 2).
            y_pred: (n, p, 2).
            sample_weight: (n, p), 0 where a label is missing; None counts all.
        """
        count = ops.shape(y_true)[0]
        same = ops.equal(
            *(ops.argmax(ops.reshape(points, (count, -1)), axis=-1) for points in (y_true, y_pred))
        )
        complete = ops.ones_like(same)
        if sample_weight is not None:
            complete = ops.all(ops.convert_to_tensor(sample_weight) > 0, axis=-1)
        self.hits.assign_add(ops.sum(ops.cast(ops.logical_and(complete, same), "float32")))
        self.count.assign_add(ops.sum(ops.cast(complete, "float32")))

    def result(self) -> Any:
        """Return the fraction of hits; 0 before the first complete face."""
        return self.hits / ops.maximum(self.count, 1.0)
