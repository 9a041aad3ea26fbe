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
    evaluate = Pipeline(
        [
            Node(step, "faces", "a_metrics", name="measure", namespace="a", tags="gpu"),
            Node(step, "a_metrics", "table", name="compare"),
        ],
        tags="evaluate",
    )
    full = clean + evaluate
    return {"clean": clean, "evaluate": evaluate, "full": full, "__default__": full}


@pytest.fixture
def shown(monkeypatch, pipelines):
    monkeypatch.setitem(sys.modules, "kedro_viz.server", sys)
    return for_kedro_viz({**pipelines, "compete": pipelines["clean"]})


def groups(pipeline):
    return {node.namespace for node in pipeline.nodes}


def test_runs_get_the_pipelines_as_they_are(monkeypatch, pipelines):
    monkeypatch.delitem(sys.modules, "kedro_viz.server", raising=False)
    assert for_kedro_viz(pipelines) == pipelines


def test_each_stage_is_a_group_with_a_group_per_variant(shown):
    assert groups(shown["full"]) == {"clean", "evaluate", "evaluate.a"}


def test_stage_by_itself_has_groups_for_variants_only(shown):
    assert groups(shown["clean"]) == {None}
    assert groups(shown["evaluate"]) == {None, "a"}


def test_names_of_nodes_are_those_of_runs(shown, pipelines):
    names = {node.name for node in pipelines["full"].nodes}
    assert {node.name for node in shown["full"].nodes} == names
