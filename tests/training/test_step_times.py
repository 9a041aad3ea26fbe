import pytest
from spots import bright_spots, variant

from facial_keypoints.errors import TrainingFailedError
from facial_keypoints.training import speed, step_times
from facial_keypoints.training.speed import TrainingSpeed
from facial_keypoints.training.step_times import (
    StepTimes,
    batch_work,
    measure_steps,
    representatives,
)

TIMES = StepTimes({"conv_stack": [(100.0, 1.0), (400.0, 4.0)], "vgg16": [(900.0, 2.0)]}, 5.0)


@pytest.mark.parametrize(
    ("architecture", "work", "seconds"),
    [
        ("conv_stack", 200.0, 2.0),
        ("conv_stack", 100 / 16, 1 / 8),
        ("conv_stack", 800.0, 8.0),
        ("vgg16", 900 / 16, 2 / 8),
        ("vgg16", 1800.0, 4.0),
        ("alexnet", 900.0, 2.0),
    ],
)
def test_time_lies_between_measured_steps_and_grows_with_the_work_beyond(
    architecture, work, seconds
):
    assert TIMES.seconds(architecture, work) == pytest.approx(seconds)


def named(name, convs):
    settings = {"convs": convs, "pools": 0, "width": 0.1}
    return variant().model_copy(update={"name": name, "settings": settings})


def test_least_median_and_most_work_are_measured(monkeypatch):
    variants = {f"c{convs}": named(f"c{convs}", convs) for convs in (5, 3, 1, 2, 4)}
    measured = []

    def measure(task, seconds):
        measured.append(task.name)
        return TrainingSpeed(160.0 / task.settings["convs"], 6.0)

    monkeypatch.setattr(speed, "measure_training", measure)
    work = {name: float(name[1]) for name in variants}
    times = measure_steps(bright_spots(32), variants, work, representatives(variants, work))
    assert measured == ["c1", "c3", "c5"]
    assert times.points == {"conv_stack": [(1.0, 0.1), (3.0, pytest.approx(0.3)), (5.0, 0.5)]}
    assert times.set_up_seconds == pytest.approx(6.0, abs=0.5)


@pytest.mark.fault("Training", "memory is exhausted", "not measured; the study continues")
def test_variants_without_enough_memory_are_not_measured(monkeypatch, caplog):
    def fail(*arguments):
        raise MemoryError("OOM when allocating tensor with shape[9,9]")

    monkeypatch.setattr(speed, "measure_training", fail)
    with pytest.raises(TrainingFailedError, match="no variant"):
        measure_steps(bright_spots(4), {"a": named("a", 1)}, {"a": 1.0}, ["a"])
    monkeypatch.setattr(step_times, "build_model", fail)
    assert batch_work({"a": named("a", 1)}) == {}
    assert caplog.text.count("a: not measured, memory is exhausted") == 2


@pytest.mark.training
def test_work_of_a_batch_counts_multiply_adds():
    small, large = batch_work({"a": named("a", 1), "b": named("b", 3)}).values()
    assert 0 < small < large
