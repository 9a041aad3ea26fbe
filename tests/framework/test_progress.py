import logging
from types import SimpleNamespace

import pytest

from facial_keypoints.framework import progress
from facial_keypoints.training.study_estimate import StudyEstimate


def node(name, namespace=None):
    return SimpleNamespace(name=name, namespace=namespace)


@pytest.fixture
def run(monkeypatch, caplog):
    """Runs nodes of given durations in seconds; returns the log."""
    caplog.set_level(logging.INFO)
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])

    def run_nodes(estimate, *durations):
        hooks = progress.ProgressHooks()
        hooks.before_pipeline_run(SimpleNamespace(nodes=[each for each, _ in durations]))
        for each, seconds in durations:
            inputs = {"estimate": estimate} if each.name.endswith("train") else {}
            hooks.before_node_run(each, inputs)
            now[0] += seconds
            hooks.after_node_run(each, inputs)
        return [record.message for record in caplog.records]

    return run_nodes


def test_remaining_time_is_corrected_by_finished_variants(run):
    estimate = StudyEstimate({"a": 10.0, "b": 20.0}, {}, 0.0, [])
    half_as_long = [(node("a.train", "a"), 300), (node("b.train", "b"), 600)]
    assert run(estimate, (node("split"), 0), *half_as_long) == [
        "[1/3] split  0 s",
        "Variant 1 of 2: a; about 30 min of training remaining",
        "[2/3] a.train  5 min",
        "Variant 2 of 2: b; about 10 min of training remaining",
        "[3/3] b.train  10 min",
    ]


def test_reused_variants_take_no_time_and_correct_nothing(run):
    estimate = StudyEstimate({"b": 20.0}, {}, 0.0, ["a"])
    assert run(estimate, (node("a.train", "a"), 1), (node("b.train", "b"), 1)) == [
        "Variant 1 of 2: a; about 20 min of training remaining",
        "[1/2] a.train  1 s",
        "Variant 2 of 2: b; about 20 min of training remaining",
        "[2/2] b.train  1 s",
    ]


def test_namespaces_that_do_not_train_are_no_variants(run):
    estimate = StudyEstimate({"b": 20.0}, {}, 0.0, [])
    log = run(estimate, (node("ensemble.audit", "ensemble"), 0), (node("b.train", "b"), 0))
    assert "Variant 1 of 1: b; about 20 min of training remaining" in log


def test_variants_that_train_at_the_same_time_are_counted_once_each(monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    minutes = {"a": 10.0, "b": 20.0, "c": 30.0}
    inputs = {"estimate": StudyEstimate(minutes, {}, 0.0, [], at_a_time=2)}
    a, b, c = (node(f"{name}.train", name) for name in "abc")
    hooks = progress.ProgressHooks()
    hooks.before_pipeline_run(SimpleNamespace(nodes=[a, b, c]))
    for each in (a, b):
        hooks.before_node_run(each, inputs)
        now[0] += 60
    now[0] += 480
    hooks.after_node_run(a, inputs)
    hooks.before_node_run(c, inputs)
    for each in (b, c):
        hooks.after_node_run(each, inputs)
    assert [record.message for record in caplog.records] == [
        "Variant 1 of 3: a; about 40 min of training remaining",
        "Variant 2 of 3: b; about 39 min of training remaining",
        "[1/3] a.train  10 min",
        "Variant 3 of 3: c; about 30 min of training remaining",
        "[2/3] b.train  9 min",
        "[3/3] c.train  0 s",
    ]
