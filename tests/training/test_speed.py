from dataclasses import replace
from types import SimpleNamespace

import keras
import pytest
from places import Places
from spots import all_transforms, bright_spots, task

from facial_keypoints.training import callbacks, speed
from facial_keypoints.training.speed import (
    Speed,
    TrainingSpeed,
    measure_speed,
    measure_trainings,
)

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


@pytest.mark.parametrize(
    ("at_a_time", "order"), [(1, "abc"), (2, "abca"), (4, "abca"), (8, "abcabcab")]
)
def test_no_training_is_measured_while_places_are_free(faces, monkeypatch, at_a_time, order):
    measured = []

    def measure(one, seconds):
        measured.append(one.name)
        return TrainingSpeed(100.0 * measured.count(one.name), 6.0)

    monkeypatch.setattr(speed, "measure_training", measure)
    tasks = [replace(task(faces), name=name) for name in "abc"]
    speeds = measure_trainings(tasks, 0.01, Places(at_a_time), at_a_time)
    assert "".join(measured) == order
    assert {name: each.trained for name, each in speeds.items()} == {
        name: 50 * (1 + order.count(name)) for name in "abc"
    }


def test_time_until_the_first_processes_are_ready_is_their_start(faces, monkeypatch):
    """Not the time that a process waits for the slowest one."""
    monkeypatch.setattr(speed, "measure_training", lambda *_: TrainingSpeed(100.0, 6.0))
    now = iter([100.0, 114.0, 112.0, 130.0, 140.0])
    monkeypatch.setattr(speed, "time", SimpleNamespace(time=lambda: next(now)))
    tasks = [replace(task(faces), name=name) for name in "abcd"]
    speeds = measure_trainings(tasks, 0.01, Places(2), 2)
    assert {each.start_seconds for each in speeds.values()} == {13 - 6.0}


def test_first_graph_of_a_process_is_not_measured(faces, monkeypatch):
    measured = []
    monkeypatch.setattr(
        speed, "measure_training", lambda _, s: measured.append(s) or TrainingSpeed(100.0, 6.0)
    )
    measure_trainings([task(faces)], 1.0, Places(1), 1)
    assert measured == [1.0]
    monkeypatch.setattr(speed, "sys", SimpleNamespace(modules={}))
    measure_trainings([task(faces)], 1.0, Places(1), 1)
    assert measured == [1.0, 0.0, 1.0]
