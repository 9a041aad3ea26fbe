"""A full or read-only disk: a real one in memory, where the system permits."""

import shlex
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from limits import largest_file
from matplotlib.figure import Figure
from sessions import make_project
from spots import bright_spots, variant

from facial_keypoints.cli import user_message
from facial_keypoints.framework import datasets
from facial_keypoints.training.fingerprints import fingerprint, origin_of, samples_origin
from facial_keypoints.training.session import Session
from facial_keypoints.training.variants import fit_variant

COMMAND = ["run", "--pipelines=full", "--env=test", "--params"]
COMMAND.append("study.only=tiny-2cl,train.deterministic=true")


def figure(number: int) -> Figure:
    drawn = Figure()
    drawn.subplots().imshow(np.random.default_rng(number).random((50, 50)))
    return drawn


def table(number: int) -> pd.DataFrame:
    return pd.DataFrame({"a": np.arange(number, number + 5000)})


SessionDataset = partial(datasets.RecordDataset, record="facial_keypoints.training.session.Session")

FILES = {
    "faces.npz": (datasets.FaceSetDataset, bright_spots),
    "points.npy": (datasets.ArrayDataset, lambda n: np.full((5000, 2), n)),
    "state.npz": (datasets.ArraysDataset, lambda n: {"a": np.full((5000, 2), n)}),
    "table.csv": (datasets.AtomicCSVDataset, table),
    "facts.json": (SessionDataset, lambda n: Session(n, "x" * 50_000)),
    "page.html": (datasets.AtomicTextDataset, lambda n: f"{n}" * 5000),
    "plot.png": (datasets.FigureDataset, figure),
}


@pytest.mark.fault(
    "Disk",
    "full in the middle of a file (each kind of file)",
    "the earlier file is kept",
)
@pytest.mark.parametrize("name", FILES)
def test_full_disk_keeps_the_earlier_file(tmp_path, name):
    kind, make = FILES[name]
    dataset = kind(filepath=str(tmp_path / name))
    dataset.save(make(10))
    before = (tmp_path / name).read_bytes()
    with largest_file(2000), pytest.raises(Exception, match="cannot be written") as caught:
        dataset.save(make(11))
    message = user_message(caught.value)
    assert message.startswith(f"{tmp_path / name}: cannot be written (File too large); ")
    assert {path.name for path in tmp_path.iterdir()} <= {name, f".{name}.sha256"}
    assert (tmp_path / name).read_bytes() == before
    dataset.load()  # its checksum is right, too
    dataset.save(make(11))
    assert (tmp_path / name).read_bytes() != before


@pytest.mark.fault("Disk", "a folder that cannot be written", "reported, with a remedy")
@pytest.mark.parametrize("name", FILES)
def test_save_raises_input_error_for_a_folder_that_cannot_be_written(tmp_path, name):
    kind, make = FILES[name]
    (tmp_path / "folder").write_text("a file in its place")
    with pytest.raises(Exception, match="cannot be written") as caught:
        kind(filepath=str(tmp_path / "folder" / name)).save(make(10))
    assert "Free disk space or make the folder writable" in user_message(caught.value)


@pytest.mark.fault(
    "Disk",
    "full while a trained model is saved",
    "the next run resumes after the last epoch",
)
def test_training_resumes_after_a_model_could_not_be_saved(tmp_path):
    trainings = datasets.TrainingDataset(filepath=str(tmp_path / "tiny"))
    folder = datasets.TrainingFolderDataset(filepath=str(tmp_path / "tiny")).load()
    spots = bright_spots(32), bright_spots(16)
    name = fingerprint(origin_of(variant(epochs=2), samples_origin(*spots)))
    state = folder.checkpoint(name)
    training = fit_variant(variant(epochs=2), *spots, state)
    with largest_file(2000), pytest.raises(Exception, match="cannot be written"):
        trainings.save(training)
    assert [path.name for path in (tmp_path / "tiny").iterdir()] == [f"{name}.unfinished.npz"]
    again = fit_variant(variant(epochs=2), *spots, state)
    assert again.record.interrupted_after_epochs == [2]
    trainings.save(again)
    pd.testing.assert_frame_equal(trainings.load().history, training.history)
    assert not state.exists()


def unshared(*command: str, **options) -> subprocess.CompletedProcess:
    """Run in a separate namespace, where mounting is permitted and invisible to others."""
    return subprocess.run(
        ["unshare", "--map-root-user", "--mount", *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        **options,
    )


@pytest.fixture(scope="module")
def may_mount(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mount")
    if (
        not shutil.which("unshare")
        or unshared("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)).returncode
    ):
        pytest.skip("this system lets no user mount a file system in memory")


@pytest.fixture(scope="module")
def size(may_mount, tmp_path_factory):
    """Return the KiB of the data of a whole run."""
    project = make_project(tmp_path_factory.mktemp("size"))
    subprocess.run([sys.executable, "-m", "kedro", *COMMAND], cwd=project, check=True, timeout=300)
    files = (path for path in (project / "data").rglob("*") if path.is_file())
    return sum(-(-path.stat().st_size // 4096) * 4 for path in files)


SCRIPT = """
mkdir -p {folder}; cp -r {folder} {folder}.copy
mount -t tmpfs -o {first} tmpfs {folder}
cp -r {folder}.copy/. {folder}/
{setup}
{python} -m kedro {command} > first.txt 2>&1 && echo 0 > first.rc || echo $? > first.rc
mount -o remount,{then} {folder}
{python} -m kedro {command} > then.txt 2>&1 && echo 0 > then.rc || echo $? > then.rc
cp data/test/07_model_output/submission.csv submission.csv
"""


def fill(project: Path, folder: str, first: str, setup: str = "") -> tuple[str, str]:
    """Run with a small or read-only disk in place of a folder, then on an ample one; returns what
    either printed.
    """
    script = SCRIPT.format(
        folder=folder,
        first=first,
        then="rw,size=1g",
        setup=setup,
        python=sys.executable,
        command=shlex.join(COMMAND),
    )
    done = unshared("sh", "-ec", script, cwd=project)
    assert done.returncode == 0, done.stderr
    assert (project / "then.rc").read_text().strip() == "0", (project / "then.txt").read_text()
    assert (project / "submission.csv").stat().st_size
    return (project / "first.txt").read_text(), (project / "first.rc").read_text().strip()


@pytest.mark.slow
@pytest.mark.session
@pytest.mark.fault(
    "Disk",
    "full in each stage of a run (a real, small disk)",
    "the run resumes with more space",
)
@pytest.mark.parametrize("share", [0.02, 0.1, 0.25, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97])
def test_run_resumes_after_a_full_disk(tmp_path, size, share):
    project = make_project(tmp_path / "project")
    printed, status = fill(project, "data", f"size={int(size * share)}k")
    assert status == "1", printed
    assert "cannot be written (No space left on device)" in printed
    assert "Traceback" not in printed


@pytest.mark.slow
@pytest.mark.session
@pytest.mark.fault("Disk", "data folder read-only", "reported at once; it runs when writable")
def test_run_reports_a_read_only_folder_at_once(tmp_path, may_mount):
    project = make_project(tmp_path / "project")
    printed, status = fill(project, "data", "size=1g", "mount -o remount,ro data")
    assert status == "1", printed
    assert "cannot be written (Read-only file system)" in printed
    assert "Traceback" not in printed
