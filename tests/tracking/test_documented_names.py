"""docs/mlflow.md names what is recorded, and its searches find it."""

import re
from pathlib import Path

import mlflow
import pytest
import yaml
from mlflow.tracking import MlflowClient
from screens_mlflow import VARIANTS, fill
from sessions import ROOT, empty_database

from facial_keypoints.tracking.notes import children_of

PAGE = (ROOT / "docs" / "mlflow.md").read_text()
PARENT = "full demo 2026-11-26 23:10"
FOUND = {
    "tags.champion LIKE '%'": {PARENT},
    "tags.pipelines = 'compete'": set(),
    "tags.kedro_command LIKE '%--env=demo%'": {PARENT},
    "tags.error LIKE '%'": set(),
    "params.download.source = 'synthetic'": {PARENT},
    "tags.variant = '10cl-3mpl'": {"10cl-3mpl"},
    "params.convs = '10' AND metrics.holdout_rmse < 3": {"10cl-3mpl"},
    "metrics.leak > 1.5": {"5cl-3mpl", "10cl-3mpl"},
    "metrics.`on_holdout/nme` < 0.05": {"10cl-3mpl"},
    "metrics.estimated_rmse < 1.1": set(),
    "attributes.status = 'FAILED'": set(),
}


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    """Return the run of a session with a run per variant."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "mlflow.db").write_bytes(empty_database())
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    yield MlflowClient().get_run(fill("facial-keypoints-demo", str(folder / "files")))
    mlflow.set_tracking_uri(before)


def documented(name):
    """Return whether the page has a name, or the group that it belongs to."""
    group = f"`{name.partition('/')[0]}/...`"
    return f"`{name}`" in PAGE or ("/" in name and group in PAGE)


def test_searches_are_those_of_the_page():
    table = PAGE.partition("## Search")[2].partition("```")[0]
    rows = [row for _, row in re.findall(r"^\| (`+)(.+?)\1 \|", table, re.MULTILINE)]
    assert [row.strip() for row in rows] == list(FOUND)


@pytest.mark.parametrize("expression", FOUND)
def test_search_finds_the_runs_that_the_page_promises(parent, expression):
    runs = MlflowClient().search_runs([parent.info.experiment_id], expression)
    assert {run.info.run_name for run in runs} == FOUND[expression]


def test_metrics_and_settings_of_a_variant_are_documented(parent):
    children = children_of(parent.info.run_id)
    assert {run.data.tags["variant"] for run in children} == set(VARIANTS)
    names = [*children[0].data.metrics, *children[0].data.params, "filters", "reused_from"]
    assert [name for name in names if not documented(name)] == []


def test_metrics_of_the_catalog_are_documented():
    catalog = yaml.safe_load(Path(ROOT, "conf/base/catalog.yml").read_text())
    metadata = [entry.get("metadata", {}).get("mlflow", {}) for entry in catalog.values()]
    settings = [each.get("metrics") for each in metadata]
    names = [name for each in settings if isinstance(each, dict) for name in each]
    prefixes = [each for each in settings if isinstance(each, str)]
    assert [name for name in names if not documented(name)] == []
    assert [prefix for prefix in prefixes if f"`{prefix}" not in PAGE] == []
