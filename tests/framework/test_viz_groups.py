"""The groups that Kedro-Viz draws."""

import sys

import pytest
from kedro.pipeline import Node, Pipeline

from facial_keypoints.framework.viz_groups import for_kedro_viz


def step(data):
    """Stand for any step."""
    return data


@pytest.fixture
def pipelines():
    clean = Pipeline(
        [Node(step, "archive", "faces", name="read"), Node(step, "faces", "grid", name="draw")],
        tags="clean",
    )
    train = Pipeline(
        [
            Node(step, "faces", "a_training", name="train", namespace="a", tags="gpu"),
            Node(step, "a_training", "table", name="compare"),
        ],
        tags="evaluate",
    )
    return {"clean": clean, "evaluate": train, "full": clean + train, "__default__": clean + train}


@pytest.fixture
def shown(monkeypatch, pipelines):
    monkeypatch.setitem(sys.modules, "kedro_viz.server", sys)
    return for_kedro_viz({**pipelines, "compete": pipelines["clean"]})


def test_runs_get_the_pipelines_as_they_are(monkeypatch, pipelines):
    monkeypatch.delitem(sys.modules, "kedro_viz.server", raising=False)
    assert for_kedro_viz(pipelines) == pipelines


def test_each_stage_and_variant_is_a_group(shown):
    assert {node.namespace for node in shown["full"].nodes} == {
        *("clean", "train_and_compare.a", "train_and_compare.evaluate")
    }


def test_names_of_nodes_are_those_of_runs(shown, pipelines):
    names = {node.name for node in pipelines["full"].nodes}
    assert {node.name for node in shown["full"].nodes} == names


def test_group_hides_what_nothing_else_reads(shown):
    group = shown["full"].only_nodes_with_namespaces(["clean"])
    assert (group.inputs(), group.outputs()) == (set(), set())
    assert (shown["full"] - group).inputs() & group.all_outputs() == {"faces"}
