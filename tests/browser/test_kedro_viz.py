"""Kedro-Viz in headless Chromium, on this project's pipelines.

VIZ_SCREENSHOTS=FOLDER keeps the screenshots.
"""

import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from browsers import free_port, serving

from facial_keypoints.framework.datasets import AtomicCSVDataset

pytestmark = pytest.mark.browser

PROJECT = Path(__file__).parents[2]
KEDRO = [str(Path(sys.executable).parent / "kedro"), "viz"]
STAGES = ["download", "clean", "augment", "split", "train", "evaluate"]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project that has a leaderboard."""
    project = tmp_path_factory.mktemp("project")
    for folder in ("conf", "src"):
        shutil.copytree(PROJECT / folder, project / folder)
    for name in ("pyproject.toml", ".telemetry"):  # without consent to Kedro's telemetry
        shutil.copy(PROJECT / name, project)
    leaderboard = AtomicCSVDataset(
        filepath=str(project / "data/demo/08_reporting/leaderboard.csv"), save_args={"index": False}
    )
    leaderboard.save(pd.DataFrame({"variant": ["5cl-3mpl"], "rmse": [2.25]}))
    return project


@pytest.fixture(scope="module")
def address(project):
    """The running server."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    command = [*KEDRO, "run", "--env=demo", "--no-browser", f"--port={port}"]
    with serving(command, f"{url}api/version", cwd=project):
        yield url


@pytest.fixture(scope="module")
def static_address(project):
    """The static site in a folder of a plain web server."""
    command = [*KEDRO, "build", "--include-previews"]
    subprocess.run(command, cwd=project, env={**os.environ, "KEDRO_ENV": "demo"}, check=True)
    finish = [sys.executable, "-m", "facial_keypoints.framework.viz_site"]
    subprocess.run(finish, cwd=project, check=True)
    port = free_port()
    url = f"http://127.0.0.1:{port}/viz/"
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with serving(command, url, cwd=project / "build"):
        yield url


@contextmanager
def opened(browser, address, name):
    """The opening view; fails on errors in the console, and on requests to other hosts."""
    problems = []
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.route(
        lambda url: not url.startswith(address),
        lambda route: (problems.append(route.request.url), route.abort()),
    )
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(address)
    settle(page)
    yield page
    if folder := os.environ.get("VIZ_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")
    page.close()
    assert problems == []


@pytest.fixture
def page(browser, address, request):
    with opened(browser, address, request.node.name) as page:
        yield page


def settle(page):
    """Wait until the boxes are where they move to."""
    page.locator(".pipeline-node").first.wait_for()
    page.wait_for_timeout(1000)


def boxes(page):
    """Texts of the boxes that are shown, from left to right."""
    shown = page.locator(".pipeline-node").all()
    shown.sort(key=lambda box: box.bounding_box()["x"])
    return [box.locator(".pipeline-node__text").text_content() for box in shown]


def test_opening_view_reads_from_left_to_right(page):
    shown = boxes(page)
    assert shown[:-2] == STAGES
    assert set(shown[-2:]) == {"study", "submit"}


def test_orientation_that_the_reader_chose_is_kept(page):
    page.get_by_label("Change flowchart orientation").click()
    page.reload()
    settle(page)
    left = {round(box.bounding_box()["x"], -2) for box in page.locator(".pipeline-node").all()}
    assert len(left) < len(STAGES)


def test_group_opens_with_its_datasets(page):
    page.locator(".pipeline-node", has_text="clean").click()
    settle(page)
    assert {"draw_face_grid", "face_grid", "faces", "download"} <= set(boxes(page))


def test_panel_of_a_node_shows_its_docstring(page):
    page.locator(".pipeline-node", has_text="augment").click()
    settle(page)
    page.locator(".pipeline-node", has_text="draw_augmentation_grid").click()
    page.locator(".pipeline-metadata", has_text="Plot one face and all its").wait_for()


def test_table_is_previewed(page):
    page.get_by_label("Show menu").click()
    page.get_by_placeholder("Search").fill("leaderboard")
    page.locator(".node-list-tree-item-row", has_text=re.compile("^leaderboard$")).click()
    page.locator(".pipeline-metadata", has_text="2.25").wait_for()


def test_static_site_works_offline_and_names_no_folder_of_this_machine(
    browser, project, static_address
):
    with opened(browser, static_address, "static_site") as page:
        assert boxes(page)[: len(STAGES)] == STAGES
        page.locator(".pipeline-node", has_text="evaluate").click()
        settle(page)
        page.locator("[data-node-fullname=leaderboard]").click()
        page.locator(".pipeline-metadata", has_text="2.25").wait_for()
    files = [path for path in (project / "build/viz/api").rglob("*") if path.is_file()]
    assert [path for path in files if project.name in path.read_text()] == []
