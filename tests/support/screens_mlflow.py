"""MLflow's pages in a browser: a small store to show, and screenshots of its runs.

    python tests/support/screens_mlflow.py sqlite:///mlflow.db docs/images

takes the screenshots of a project's latest demo.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import mlflow
import pandas as pd
from browsers import CHROMIUM, FLAGS, free_port, serving
from mlflow.tracking import MlflowClient

from facial_keypoints.evaluation.records import Champion, SetMetrics, VariantMetrics
from facial_keypoints.models.complexity import NetworkSize
from facial_keypoints.tracking.notes import children_of
from facial_keypoints.tracking.outputs import Recording
from facial_keypoints.tracking.parameters import log_parameters
from facial_keypoints.tracking.runs import SessionRuns, create_parent
from facial_keypoints.tracking.trainings import log_keypoint_errors, log_training
from facial_keypoints.tracking.values import log_metrics
from facial_keypoints.tracking.views import save_view, view_page
from facial_keypoints.training.records import Training, TrainingRecord

_WAIT: Final = 60_000
"""Milliseconds."""
VARIANTS = {"3cl-2mpl": (3, 2, 3.1), "5cl-3mpl": (5, 3, 2.6), "10cl-3mpl": (10, 3, 2.2)}
"""Convolutions, pools and hold-out RMSE of the runs of ``fill``."""
METRICS = Recording(
    metrics={
        "validation_rmse": "validation.score",
        "holdout_rmse": "holdout.score",
        "unseen_rmse": "unseen.score",
        "leak": "leak",
        "on_holdout/": "holdout",
    }
)


def fill(experiment: str, location: str | None = None) -> str:
    """Record a session with a run per variant in the current store, and return its run.

    Args:
        experiment: Name of the experiment.
        location: Folder of its files; None where a server decides.
    """
    kind = {"mlflow.experimentKind": "custom_model_development"}  # as conf/base/mlflow.yml
    experiment_id = MlflowClient().create_experiment(experiment, location, kind)
    save_view(MlflowClient().get_experiment(experiment_id))
    tags = {"kedro_command": "kedro run --env=demo", "pipelines": "full", "env": "demo"}
    parent = create_parent(experiment_id, "full demo 2026-11-26 23:10", tags)
    log_parameters(parent, {"download": {"source": "synthetic"}, "train": {"epochs": 3}})
    runs = SessionRuns(parent, VARIANTS, {"env": "demo"})
    for name, (convs, pools, rmse) in VARIANTS.items():
        size = NetworkSize(convs, pools, 1, [32] * convs, 100_000 * convs, 10**7 * convs)
        record = TrainingRecord(
            *(name, "conv_stack", {"dropout": 0.1}, "abc", {}, "float32", 2000, 3.0, 90, 3),
            *("all epochs", [], 0.5 * convs, 100.0),
            size=size,
        )
        curve = pd.DataFrame({"epoch": [1, 2, 3], "val_rmse": [rmse + 2, rmse + 1, rmse]})
        run_id = runs.children[name]
        log_training(run_id, Training(record, curve, lambda: None, reused=True))
        metrics = VariantMetrics(_on_set(rmse), _on_set(rmse), _on_set((1 + convs / 20) * rmse))
        log_metrics(run_id, METRICS.values(metrics))
        log_keypoint_errors(run_id, metrics)
        runs.write_notes(name)
    best = min(VARIANTS, key=lambda name: VARIANTS[name][2])
    MlflowClient().set_tag(parent, "champion", Champion(best, "abc", None).variant)
    runs.close("FINISHED")
    return parent


def _on_set(rmse: float) -> SetMetrics:
    errors = (rmse**2, 0.5, rmse, rmse, rmse, rmse, rmse / 50, 0.1)
    return SetMetrics(100, 50, *errors, {"nose_tip": rmse, "left_eye_center": rmse / 2})


@contextmanager
def mlflow_ui(store: str, folder: Path, *options: str) -> Iterator[str]:
    """Run MLflow's server while the block runs, and yield its address.

    Args:
        store: The database that it records to.
        folder: Where it runs.
        options: Further options of ``mlflow server``.
    """
    address = f"http://127.0.0.1:{free_port()}"
    port = address.rpartition(":")[2]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port]
    command += ["--backend-store-uri", store, "--workers", "1", *options]
    environment = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # for traces
    with serving(command, f"{address}/health", cwd=folder, env=environment):
        yield address


def open_runs(browser: Any, address: str, experiment_id: str) -> Any:
    """Return a page that lists the runs of an experiment, with the children of the first parent.

    Args:
        browser: Of Playwright.
        address: MLflow's.
        experiment_id: The experiment.
    """
    page = browser.new_page(viewport={"width": 1500, "height": 800})
    page.set_default_timeout(_WAIT)
    page.goto(f"{address}/#/experiments/{experiment_id}/runs")
    parents = page.get_by_role("link", name=re.compile("^(full|compete) "))
    parents.first.wait_for()
    page.get_by_text("Model training", exact=True).first.click()
    for button in page.locator("[data-component-id='mlflow.assistant.chat_panel.close']").all():
        button.click()
    page.goto(f"{address}/#/experiments/{experiment_id}/runs")
    parents.first.wait_for()
    page.locator("[data-component-id$='runnamecellrenderer.tsx_46']").first.click()
    return page


def open_view(page: Any, address: str, experiment_id: str) -> Any:
    """Show the saved view of the variants, and return the links to their runs.

    Args:
        page: Of Playwright.
        address: MLflow's.
        experiment_id: The experiment.
    """
    page.goto(f"{address}/{view_page(experiment_id)}")
    names = page.locator("a[href*='/runs/']").filter(has_text=re.compile(r"\dcl-"))
    names.first.wait_for(timeout=_WAIT)
    return names


def compare(page: Any, address: str, experiment_id: str, run_ids: Sequence[str]) -> None:
    """Show a comparison of runs: what differs between them, against compute, minutes and RMSE.

    Args:
        page: From ``open_runs``.
        address: MLflow's.
        experiment_id: Of the runs.
        run_ids: Runs to compare.
    """
    runs, experiments = json.dumps(list(run_ids)), json.dumps([experiment_id])
    query = f"runs={quote(runs)}&experiments={quote(experiments)}"
    page.goto(f"{address}/#/compare-runs?{query}")
    page.get_by_text("Parallel Coordinates Plot").wait_for()
    metrics = page.get_by_role("combobox").nth(1)
    metrics.press("Backspace")  # the one that MLflow has chosen
    for name in ("multiply_adds", "minutes", "parameters", "holdout_rmse"):
        metrics.fill(name)
        page.get_by_role("option", name=name, exact=True).first.wait_for(state="attached")
        metrics.press("Enter")
    metrics.press("Escape")
    page.locator(".js-plotly-plot .axis-title", has_text="holdout_rmse").wait_for()


def take(store: str, folder: Path, env: str = "demo") -> None:
    """Take the screenshots of a project's latest run that compared variants.

    Args:
        store: The project's database.
        folder: Where to write mlflow_note.png, mlflow_comparison.png and mlflow_variants.png.
        env: Kedro environment of the run.
    """
    from playwright.sync_api import sync_playwright

    mlflow.set_tracking_uri(store)
    client = MlflowClient()
    experiments = [each.experiment_id for each in client.search_experiments()]
    latest = client.search_runs(experiments, f"tags.champion LIKE '%' AND tags.env = '{env}'")[0]
    experiment_id, run_id = latest.info.experiment_id, latest.info.run_id
    children = [child.info.run_id for child in children_of(run_id)]
    with mlflow_ui(store, Path.cwd()) as address, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = open_runs(browser, address, experiment_id)
        page.goto(f"{address}/#/experiments/{experiment_id}/runs/{run_id}")
        page.get_by_text("Show more").click()
        page.get_by_text("Where to look").scroll_into_view_if_needed()
        page.screenshot(path=folder / "mlflow_note.png")
        compare(page, address, experiment_id, children)
        page.screenshot(path=folder / "mlflow_comparison.png")
        page.set_viewport_size({"width": 1800, "height": 480})
        open_view(page, address, experiment_id)
        page.wait_for_timeout(2000)
        page.screenshot(path=folder / "mlflow_variants.png")
        browser.close()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("store", help="the project's database, such as sqlite:///mlflow.db")
    arguments.add_argument("folder", type=Path, help="where to write the screenshots")
    take(**vars(arguments.parse_args()))
