import math
from types import SimpleNamespace

import pytest
from parameters import section
from places import Places
from spots import bright_spots, variant

from facial_keypoints.parameters import StudyParameters
from facial_keypoints.training import study_planning, workload_times
from facial_keypoints.training.step_times import StepTimes
from facial_keypoints.training.study_planning import make_study_plan
from facial_keypoints.training.workers import THIS_MACHINE
from facial_keypoints.training.workload_times import Workload

SAMPLES = 1600


def named(name, **train):
    settings = {"convs": 2, "pools": 1}
    train = {"batch_size": 16, "epochs": 100, **train}
    return variant(**train).model_copy(update={"name": name, "settings": settings})


@pytest.fixture
def make(monkeypatch):
    """Makes plans on a machine where a step takes one nanosecond per multiply-add, at least 1 ms.

    A batch of each variant at full scale is 10 million multiply-adds, and its 100 epochs take 106
    seconds; ``make.measured`` lists the scales that were measured.
    """
    measured = []

    def measure(faces, variants, work, names, workers, at_a_time):
        measured.append(variants["a"].settings.get("width", 1.0))
        now[0] += make.measuring
        return StepTimes({"conv_stack": [(1e6, 1e-3), (1e8, 0.1)]}, make.set_up, make.start)

    def count(variants):
        return {
            name: 1e7 * each.settings.get("width", 1.0) ** 2 * each.train.batch_size / 16
            for name, each in variants.items()
        }

    monkeypatch.setattr(workload_times, "measure_steps", measure)
    monkeypatch.setattr(workload_times, "batch_work", count)

    def make(seconds, *variants, **study):
        chosen = {each.name: each for each in variants or (named("a"), named("b"))}
        overhead = (10 + 3 * len(chosen)) * make.set_up
        workload = Workload(bright_spots(8), SAMPLES, chosen, make.workers)
        study = section(StudyParameters, **{"minutes": 10, **study})
        now[0] = 0.0
        return make_study_plan(study, workload, seconds / 0.75 + overhead, "request")

    now = [0.0]
    monkeypatch.setattr(study_planning, "time", SimpleNamespace(time=lambda: now[0]))
    make.set_up, make.start, make.measuring = 0.0, 0.0, 0.0
    make.measured, make.workers = measured, THIS_MACHINE
    return make


def total(plan):
    return sum(plan.training_seconds.values())


def test_full_scale_is_chosen_where_it_fits(make):
    plan = make(1000)
    assert (plan.scale, plan.minutes, plan.request) == (1.0, 10, "request")
    assert plan.training_seconds == {"a": pytest.approx(106), "b": pytest.approx(106)}
    assert plan.images_per_second == {"a": pytest.approx(1600), "b": pytest.approx(1600)}


@pytest.mark.parametrize("seconds", [3, 10, 50, 200])
def test_all_variants_fit_into_the_budget_and_fill_most_of_it(make, seconds):
    plan = make(seconds)
    assert 0.6 * seconds < total(plan) <= seconds
    assert math.isclose(plan.scale, round(plan.scale, 3))


def test_scale_is_measured_where_it_was_chosen(make):
    plan = make(10)
    assert make.measured[-1] == pytest.approx(plan.scale, rel=0.3)
    assert len(make.measured) == 2


def test_fewer_variants_are_trained_at_a_larger_scale(make):
    assert make(10, named("a")).scale > make(10).scale


def test_places_side_by_side_make_the_scale_larger(make, caplog):
    one = make(10).scale
    make.workers = Places(2)
    with caplog.at_level("INFO"):
        two = make(10)
    assert two.scale > one
    assert 6 < max(two.training_seconds.values()) <= 10
    assert "Plan for 2 variants, 2 at a time, in 10 min" in caplog.text
    make.workers = Places(16)
    assert make(10).scale == two.scale


def test_set_up_counts_once_per_variant_and_decides_on_what_is_reserved(make):
    free = make(50)
    make.set_up = 20.0
    plan = make(50)
    assert plan.scale < free.scale
    assert (plan.save_seconds, plan.afterwards_seconds) == (20, 20 * (10 + 2 * 2.0))


def test_start_of_processes_counts_for_trainings_alone(make):
    free = make(100)
    make.start = 20.0
    plan = make(100)
    assert plan.scale < free.scale
    assert total(plan) <= 100
    assert (plan.save_seconds, plan.afterwards_seconds) == (0, 0)


def test_time_of_the_measurement_is_part_of_the_budget(make):
    make.measuring = 30.0  # twice
    assert total(make(50)) <= 0.75 * (50 / 0.75 - 60)


def test_budget_shorter_than_what_follows_the_trainings_is_warned_of(make, caplog):
    make.set_up = 20.0
    plan = make(-75)
    # 100 s are missing; to train takes what it takes
    minutes = math.ceil(10 + (total(plan) / 0.75 + 100) / 60)
    assert "0 s are left for it. Each training is stopped" in caplog.text
    assert f"Use study.minutes={minutes} or more" in caplog.text


def test_explicit_scale_wins(make):
    plan = make(10, scale=0.5)
    assert plan.scale == 0.5
    assert make.measured == [0.5]


def test_explicit_width_and_epochs_win_and_the_faces_follow(make):
    plan = make(10, width=0.5, epochs=30)
    scaled = plan.apply(named("a"))
    assert (scaled.settings["width"], scaled.train.epochs) == (0.5, 30)
    assert plan.scale < make(10, width=0.3, epochs=20).scale


@pytest.mark.fault(
    "Training", "the chosen scale exceeds study.minutes", "a warning says by how much"
)
def test_explicit_scale_that_does_not_fit_is_warned_of(make, caplog):
    make(30, scale=1.0)
    assert "study.minutes=10 is too short: training takes 4 min, and 40 s are left" in caplog.text
    assert "Use a smaller study.scale or study.minutes=" in caplog.text


def test_plan_that_fits_is_not_warned_of(make, caplog):
    make(30)
    assert "too short" not in caplog.text


def test_budget_of_each_variant_bounds_its_time(make):
    assert make(30, named("a", max_minutes=0.1), named("b", max_minutes=0.2)).scale == 1.0


def test_plan_is_logged(make, caplog):
    with caplog.at_level("INFO"):
        plan = make(10)
    assert f"Plan for 2 variants in 10 min: study.scale={plan.scale:g}" in caplog.text
    assert "study.minutes=null trains at full scale" in caplog.text


@pytest.mark.fault(
    "Training", "other programs use the machine while its speed is measured", "logged"
)
def test_busy_machine_is_warned_of(make, monkeypatch, caplog):
    monkeypatch.setattr(study_planning, "number_of_cores", lambda: 2)
    monkeypatch.setattr(study_planning.psutil, "getloadavg", lambda: (3.9, 0, 0))
    make(10)
    assert "busy" not in caplog.text
    monkeypatch.setattr(study_planning.psutil, "getloadavg", lambda: (4.1, 0, 0))
    make(10)
    assert "The machine is busy (load average 4 on 2 cores)" in caplog.text
