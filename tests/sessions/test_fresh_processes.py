"""Nodes depend on the catalog alone: each in a fresh process gives what one session gives."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fresh_processes import run_each_node
from sessions import make_project, read, run, trained

pytestmark = pytest.mark.session

PARAMETERS = {"study": {"only": ["tiny-2cl"]}, "train": {"deterministic": True}}
COMPARED = {".npz", ".npy"}


@pytest.fixture(scope="module")
def projects(tmp_path_factory):
    """A project that ran in one session, and its copy that ran in a process per node."""
    session = make_project(tmp_path_factory.mktemp("projects") / "session")
    fresh = make_project(session.parent / "fresh")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(session)
        run(session, **PARAMETERS)
        (fresh / "data/test").mkdir(parents=True)
        shutil.copy(session / "data/test/session.json", fresh / "data/test")
        patch.chdir(fresh)
        names = run_each_node(fresh, "full", **PARAMETERS)
    assert len(names) > 20
    return session / "data/test", fresh / "data/test"


def relative_files(data: Path) -> set[str]:
    return {str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()}


def test_both_leave_the_same_files(projects):
    session, fresh = projects
    assert relative_files(session) - relative_files(fresh) <= {".run.lock"}
    assert relative_files(fresh) <= relative_files(session)


def test_arrays_are_equal(projects):
    names = [name for name in relative_files(projects[0]) if Path(name).suffix in COMPARED]
    assert len(names) > 8
    for name in names:
        ours, theirs = (np.load(data / name) for data in projects)
        if name.endswith(".npy"):
            np.testing.assert_array_equal(ours, theirs, err_msg=name)
            continue
        assert ours.files == theirs.files
        for array in ours.files:
            np.testing.assert_array_equal(ours[array], theirs[array], err_msg=f"{name} {array}")


def test_curve_metrics_and_champion_are_equal(projects):
    histories = [pd.read_csv(trained(data, "tiny-2cl") / "history.csv") for data in projects]
    pd.testing.assert_frame_equal(*histories, check_exact=True)
    for name in ("tiny-2cl/metrics.json", "mean_face_metrics.json", "champion.json"):
        ours, theirs = (read(data / "07_model_output" / name) for data in projects)
        assert ours == theirs


def test_submission_is_equal(projects):
    ours, theirs = ((data / "07_model_output/submission.csv").read_bytes() for data in projects)
    assert ours == theirs
