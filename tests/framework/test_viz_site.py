"""The static site of Kedro-Viz."""

import json
import shutil
from pathlib import Path

import kedro_viz
import pytest

from facial_keypoints.framework.viz_site import finish_site

HTML = Path(kedro_viz.__file__).parent / "html"


@pytest.fixture
def site(tmp_path):
    build = tmp_path / "build"
    (build / "api/nodes").mkdir(parents=True)
    (build / "assets").mkdir()
    (build / "404.html").touch()
    for name in ("index.html", "favicon.ico"):
        shutil.copy(HTML / name, build)
    error = {"message": "no archive", "traceback": "File /usr/lib/python3/x.py"}
    (build / "api/run-status").write_text(json.dumps({"nodes": {"1": {"error": error}}}))
    paths = [f"{tmp_path}/data/faces.npz", f"{tmp_path.name}/src/nodes.py", f"{Path.home()}/a.png"]
    (build / "api/nodes/1").write_text(json.dumps(paths))
    return finish_site(build, tmp_path)


def test_site_is_alone_in_its_folder(site):
    assert {path.name for path in site.parent.iterdir()} == {"viz"}


def test_site_names_no_folder_of_this_machine(site):
    paths = json.loads((site / "api/nodes/1").read_text())
    assert paths == ["data/faces.npz", "src/nodes.py", "~/a.png"]
    error = json.loads((site / "api/run-status").read_text())["nodes"]["1"]["error"]
    assert error == {"message": "no archive", "traceback": ""}


def test_site_answers_all_that_the_page_asks_for(site):
    assert json.loads((site / "api/metadata").read_text())["has_missing_dependencies"] is False
    assert "./api/run-status" in (site / "index.html").read_text()


def test_site_is_built_again(site, tmp_path):
    for name in ("api", "assets", "index.html", "favicon.ico"):
        (site / name).rename(site.parent / name)
    assert (finish_site(site.parent, tmp_path) / "index.html").is_file()
