"""MLflow's pages on runs of this project, in a browser."""

import mlflow
import pytest
from mlflow.tracking import MlflowClient
from screens_mlflow import VARIANTS, compare, fill, mlflow_ui, open_runs, open_view

from facial_keypoints.tracking.notes import children_of

pytestmark = pytest.mark.browser

_NOT_OURS = "/users/current"
"""MLflow asks for a user that only servers with a sign-in have."""


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """Return the address of MLflow, and the run of a session with a run per variant."""
    folder = tmp_path_factory.mktemp("mlflow")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    run = MlflowClient().get_run(fill("facial-keypoints-demo", str(folder / "files")))
    with mlflow_ui(f"sqlite:///{folder}/mlflow.db", folder) as address:
        yield address, run
    mlflow.set_tracking_uri(before)


@pytest.fixture
def runs_page(browser, session):
    """Return a page with the list of runs; it must not report an error."""
    address, run = session
    page = open_runs(browser, address, run.info.experiment_id)
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda message: (
            errors.append(message.text)
            if message.type == "error" and _NOT_OURS not in message.location["url"]
            else None
        ),
    )
    yield page
    page.close()
    assert errors == []


def test_list_has_the_parent_and_its_children(runs_page):
    names = ("full demo 2026-11-26 23:10", *VARIANTS)
    assert [runs_page.get_by_role("link", name=name).count() for name in names] == [1] * len(names)


def test_description_has_a_table_that_leads_to_the_variants(runs_page):
    runs_page.get_by_role("link", name="full demo").click()
    runs_page.get_by_text("Show more").click()
    with runs_page.expect_popup() as variant:
        runs_page.get_by_role("table").get_by_role("link", name="10cl-3mpl").click()
    variant.value.get_by_text("All models of this command").wait_for(timeout=60_000)


def test_comparison_has_parallel_coordinates(runs_page, session):
    address, run = session
    children = [child.info.run_id for child in children_of(run.info.run_id)]
    compare(runs_page, address, run.info.experiment_id, children[:2])
    axes = runs_page.locator(".js-plotly-plot .axis-title").all_text_contents()
    assert axes == ["convs", "pools", "multiply_adds", "minutes", "parameters", "holdout_rmse"]


def test_saved_view_compares_the_variants_at_once(browser, session):
    address, run = session
    page = browser.new_page(viewport={"width": 1500, "height": 800})
    names = open_view(page, address, run.info.experiment_id)
    best_first = sorted(VARIANTS, key=lambda name: VARIANTS[name][2])
    assert names.all_inner_texts() == best_first
    assert page.get_by_test_id("sort-header-holdout_rmse").is_visible()
    page.close()
