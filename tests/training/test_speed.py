import keras
import pytest
from spots import all_transforms, bright_spots, task

from facial_keypoints.training import callbacks
from facial_keypoints.training.speed import Speed, measure_speed

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def faces():
    return bright_spots(64)


def test_speed_is_measured_and_leaves_the_precision_as_it_was(faces):
    mixed = task(faces, precision="mixed_bfloat16", augmentation=all_transforms().model_dump())
    speed = measure_speed(mixed, seconds=0.01)
    assert isinstance(speed, Speed)
    assert speed.trained > 0
    assert speed.predicted > 0
    assert speed.set_up_seconds > 0
    assert keras.config.dtype_policy().name == "float32"


def test_speed_includes_averaged_weights_and_schedule(faces, monkeypatch):
    called = set()
    for callback in (callbacks.ExponentialMovingAverage, callbacks.CosineSchedule):
        monkeypatch.setattr(
            callback, "on_train_batch_begin", lambda self, *_, **__: called.add(type(self).__name__)
        )
    measure_speed(task(faces, ema_decay=0.9, schedule="cosine"), seconds=0.01)
    assert called == {"ExponentialMovingAverage", "CosineSchedule"}
