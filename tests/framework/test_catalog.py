"""The catalog against the pipelines."""

from pathlib import Path
from typing import get_type_hints

import pytest
import yaml
from kedro.utils import load_obj

from facial_keypoints.framework.viz_graph import LAYERS
from facial_keypoints.pipeline_registry import register_pipelines
from facial_keypoints.tracking.outputs import Recording

CATALOG = yaml.safe_load((Path(__file__).parents[2] / "conf/base/catalog.yml").read_text())


@pytest.fixture(scope="module")
def nodes():
    pipelines = register_pipelines()
    return [node for pipeline in pipelines.values() for node in pipeline.nodes]


def layer(dataset):
    entry = CATALOG.get(dataset) or CATALOG["{variant}." + dataset.partition(".")[2]]
    return LAYERS.index(entry["metadata"]["kedro-viz"]["layer"])


def test_no_node_leads_back_to_an_earlier_layer(nodes):
    """Kedro-Viz shows no layers at all if one pair of them forms a circle."""
    for node in nodes:
        inputs = [layer(name) for name in node.inputs if not name.startswith("params:")]
        outputs = [layer(name) for name in node.outputs]
        assert max(inputs, default=0) <= min(outputs, default=len(LAYERS)), node.name


def test_type_hints_of_each_node_can_be_resolved(nodes):
    """Kedro converts parameters by them, and logs a warning where it cannot."""
    for node in nodes:
        assert get_type_hints(node.func), node.name


@pytest.mark.parametrize("name", [name for name, entry in CATALOG.items() if "record" in entry])
def test_record_of_dataset_exists(name):
    assert isinstance(load_obj(CATALOG[name]["record"]), type)


def test_recordings_are_valid():
    recordings = [entry["metadata"].get("mlflow") for entry in CATALOG.values()]
    found = [Recording.model_validate(each) for each in recordings if each is not None]
    assert len(found) > 20


def test_runs_share_only_the_archive():
    """The lock is on data_root: a run in another folder must not replace a file in mid-run."""
    paths = {name: entry["filepath"] for name, entry in CATALOG.items() if "filepath" in entry}
    shared = {name for name, path in paths.items() if not path.startswith("${globals:data_root}/")}
    assert shared == {"competition_archive", "earlier_archive"}
