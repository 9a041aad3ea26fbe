"""Projects for tests that need no whole run."""

import shutil

import pytest
from sessions import make_project, run


@pytest.fixture(scope="session")
def split_data(tmp_path_factory):
    """Return the data folder of a project whose samples are split."""
    project = make_project(tmp_path_factory.mktemp("split") / "project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        run(project, "download,clean,augment,split")
    return project / "data"


@pytest.fixture
def split_project(split_data, tmp_path, monkeypatch):
    """Return a project whose samples are split, without MLflow runs."""
    project = make_project(tmp_path / "split_project")
    shutil.copytree(split_data, project / "data")
    monkeypatch.chdir(project)
    return project
