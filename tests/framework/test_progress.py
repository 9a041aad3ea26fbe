import logging
from types import SimpleNamespace

from facial_keypoints.framework import progress as hooks

MINUTES = {"training_estimate": {"minutes": {"a": 10.0, "b": 20.0}}}


def node(name, *tags, namespace=None):
    return SimpleNamespace(name=name, tags=set(tags), namespace=namespace)


def test_the_study_tells_what_is_left_from_what_the_first_variant_took(monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    now = [0.0]
    monkeypatch.setattr(hooks.time, "monotonic", lambda: now[0])
    variants = [node(f"{v}.train", "train_variant", namespace=v) for v in "ab"]
    progress = hooks.ProgressHooks()
    progress.before_pipeline_run(SimpleNamespace(nodes=[node("split"), *variants]))
    progress.before_node_run(node("split"), {})
    progress.after_node_run(node("split"), {})
    progress.before_node_run(variants[0], MINUTES)
    now[0] += 5 * 60  # half of what was estimated
    progress.after_node_run(variants[0], MINUTES)
    progress.before_node_run(variants[1], MINUTES)
    assert [record.message for record in caplog.records] == [
        "[1/3] split  0 s",
        "Variant 1 of 2: a; training the study takes about 30 min more",
        "[2/3] a.train  5 min",
        "Variant 2 of 2: b; training the study takes about 10 min more",
    ]
