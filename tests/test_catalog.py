"""The catalog against the pipelines."""

from pathlib import Path

import pytest
import yaml

from facial_keypoints.pipelines import (
    augment,
    clean,
    download,
    evaluate,
    split,
    study,
    submit,
    train,
    upload,
)

CATALOG = yaml.safe_load((Path(__file__).parents[1] / "conf/base/catalog.yml").read_text())
ORDER = (
    *("raw", "intermediate", "primary", "feature", "model_input", "models", "model_output"),
    "reporting",
)
NODES = [
    node
    for stage in (download, clean, augment, split, upload)
    for node in stage.create_pipeline().nodes
] + [
    node
    for stage in (train, evaluate, study, submit)
    for node in stage.create_pipeline(["v"]).nodes
]


def layer(dataset):
    entry = CATALOG[dataset.replace("v.", "{variant}.", 1) if dataset.startswith("v.") else dataset]
    return ORDER.index(entry["metadata"]["kedro-viz"]["layer"])


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.name)
def test_no_node_leads_back_to_an_earlier_layer(node):
    """Kedro-Viz shows no layers at all if one pair of them forms a circle."""
    inputs = [layer(name) for name in node.inputs if not name.startswith("params:")]
    assert max(inputs, default=0) <= min(layer(name) for name in node.outputs)
