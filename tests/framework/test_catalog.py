"""The catalog against the pipelines."""

from pathlib import Path

import yaml

from facial_keypoints.pipeline_registry import register_pipelines
from facial_keypoints.pipelines.compete import pipeline as compete

CATALOG = yaml.safe_load((Path(__file__).parents[2] / "conf/base/catalog.yml").read_text())
ORDER = (
    *("raw", "intermediate", "primary", "feature", "model_input", "models", "model_output"),
    "reporting",
)


def layer(dataset):
    entry = CATALOG.get(dataset) or CATALOG["{variant}." + dataset.partition(".")[2]]
    return ORDER.index(entry["metadata"]["kedro-viz"]["layer"])


def test_no_node_leads_back_to_an_earlier_layer():
    """Kedro-Viz shows no layers at all if one pair of them forms a circle."""
    pipelines = register_pipelines()
    study = (pipelines["full"] + pipelines["upload"]).nodes
    for node in [*study, *compete.create_pipeline().nodes]:
        inputs = [layer(name) for name in node.inputs if not name.startswith("params:")]
        assert max(inputs, default=0) <= min(layer(name) for name in node.outputs), node.name
