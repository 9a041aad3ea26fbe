"""Kedro-Viz in headless Chromium, on this project's pipelines.

VIZ_SCREENSHOTS=FOLDER keeps the screenshots.
"""

import os
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest
from browsers import free_port, serving

from facial_keypoints.framework.datasets import AtomicCSVDataset

pytestmark = pytest.mark.browser

PROJECT = Path(__file__).parents[2]
SERVER = """
import sys
from kedro_viz.server import run_server
run_server(port=int(sys.argv[1]), env="demo", package_name="facial_keypoints")
"""
"""As kedro viz run, without its request for the newest version."""
GROUPS = {"download", "clean", "augment", "split", "train_and_compare"}


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Kedro-Viz of a project that has faces and a leaderboard."""
    project = tmp_path_factory.mktemp("project")
    shutil.copytree(PROJECT / "conf", project / "conf")
    shutil.copy(PROJECT / "pyproject.toml", project)
    leaderboard = AtomicCSVDataset(
        filepath=str(project / "data/demo/08_reporting/leaderboard.csv"), save_args={"index": False}
    )
    leaderboard.save(pd.DataFrame({"variant": ["5cl-3mpl"], "rmse": [2.25]}))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-c", SERVER, str(port)]
    with serving(command, f"{url}/api/version", cwd=project):
        yield url


@pytest.fixture
def page(browser, address, request):
    """The opening view; fails on errors in the browser's console."""
    errors = []
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.route(lambda url: not url.startswith(address), lambda route: route.abort())
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.add_init_script("localStorage.setItem('KedroViz', '{\"showFeatureHints\": false}')")
    page.goto(address)
    page.locator(".pipeline-node").first.wait_for()
    yield page
    if folder := os.environ.get("VIZ_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{request.node.name}.png")
    page.close()
    assert errors == []


def boxes(page):
    """Texts of the boxes that are shown."""
    return set(page.locator(".pipeline-node__text").all_text_contents())


def show(page, name):
    """Find a node or dataset by name, and open its side panel."""
    page.get_by_placeholder("Search").fill(name)
    page.locator(".node-list-tree-item-row, .row", has_text=name).first.click()
    page.locator(".pipeline-metadata--visible").wait_for()


def test_opening_view_has_a_box_per_stage_and_shared_dataset(page):
    shown = boxes(page)
    assert shown >= GROUPS
    assert len(shown) <= 20


def test_group_opens(page):
    page.locator(".pipeline-node", has_text="clean").click()
    page.locator(".pipeline-node", has_text="read_faces").wait_for()
    assert "draw_face_grid" in boxes(page)


def test_table_is_previewed(page):
    show(page, "leaderboard")
    page.locator(".pipeline-metadata", has_text="2.25").wait_for()
