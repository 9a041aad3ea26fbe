"""Keras' global state around a training: seed, precision, memory."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from facial_keypoints.errors import TrainingFailedError
from facial_keypoints.parameters import TrainParameters
from facial_keypoints.training.hardware import grow_gpu_memory


@contextmanager
def keras_session(train: TrainParameters, precision: str) -> Iterator[None]:
    """Set seed and precision for the block; nothing of its graphs is left behind.

    Args:
        train: Holds the seed.
        precision: Keras' name of the dtype policy.
    """
    import keras

    grow_gpu_memory()
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
