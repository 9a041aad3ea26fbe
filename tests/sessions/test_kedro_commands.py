"""Kedro's own ways to use the project: commands, IPython, and the packaged project."""

import subprocess
import sys
import zipfile

import pytest
from click.testing import CliRunner
from kedro.framework.cli import project as kedro_project
from kedro.framework.cli.catalog import list_patterns
from kedro.framework.startup import bootstrap_project
from sessions import ROOT, make_project

from facial_keypoints.cli import cli
from facial_keypoints.training import interruption

pytestmark = pytest.mark.session


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("kedro") / "project")


@pytest.fixture
def metadata(project, monkeypatch):
    monkeypatch.chdir(project)
    monkeypatch.setattr(interruption, "listen", lambda: None)  # pytest keeps its own Ctrl-C
    return bootstrap_project(project)


def kedro_run(*options):
    result = CliRunner().invoke(cli, ["run", "--env=test", *options])
    assert result.exit_code == 0, result.output
    return result.output


def test_run_by_tags_and_from_nodes(metadata, caplog):
    caplog.set_level("INFO", "facial_keypoints")
    kedro_run("--tags=download,clean")
    faces = metadata.project_path / "data/test/03_primary/faces.npz"
    assert faces.is_file()
    caplog.clear()
    kedro_run("--tags=clean", "--from-nodes=treat_missing_labels")
    done = [record.message for record in caplog.records if record.message.startswith("[")]
    assert done[0].startswith("[1/")
    assert "treat_missing_labels" in done[0]


def test_list_patterns_names_the_datasets_of_variants(metadata):
    result = CliRunner().invoke(list_patterns, ["--env=test"], obj=metadata)
    assert result.exit_code == 0, result.output
    assert "'{variant}.training'" in result.output


def test_catalog_and_session_work_in_ipython(project):
    program = (
        "%reload_kedro --env=test --params=download.synthetic.train_faces=20\n"
        "import numpy as np\n"
        "catalog.save('mean_face', np.ones((15, 2)))\n"
        "print(catalog.load('mean_face').sum(), 'full' in pipelines)\n"
        "session.run(pipeline_names=['download'], node_names=['download_archive'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--ext=kedro.ipython", "-c", program],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "30.0 True" in done.stdout, done.stdout + done.stderr
    assert "[1/1] download_archive" in done.stdout, done.stdout + done.stderr


@pytest.fixture(scope="module")
def packaged(project, tmp_path_factory):
    """A folder with the unpacked wheel, and the archive of the configuration."""
    folder = tmp_path_factory.mktemp("packaged")
    for name in ("README.md", "LICENSE"):
        (project / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")

    def call(command, **options):  # the same, without downloading setuptools
        subprocess.run(
            [*command, *["--no-isolation"] * ("build" in command)], check=True, **options
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kedro_project, "call", call)
        patch.chdir(project)
        result = CliRunner().invoke(kedro_project.package, obj=bootstrap_project(project))
    assert result.exit_code == 0, result.output
    (wheel,) = (project / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder, project / "dist/conf-facial_keypoints.tar.gz"


@pytest.mark.slow
@pytest.mark.parametrize("conf_source", ["folder", "archive"])
def test_packaged_project_runs_with_conf_source(packaged, project, tmp_path, conf_source):
    folder, archive = packaged
    source = project / "conf" if conf_source == "folder" else archive
    options = [f"--conf-source={source}", "--env=test", "--pipelines=download"]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "facial_keypoints", *options],
        cwd=tmp_path,
        env={"PYTHONPATH": str(folder), "PATH": "", "DO_NOT_TRACK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "data/test/01_raw/facial-keypoints-detection.zip").is_file()
