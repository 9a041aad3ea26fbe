import subprocess
import time

import click
import psutil
import pytest

from facial_keypoints.errors import InputError
from facial_keypoints.tracking import session
from facial_keypoints.tracking.session import (
    command_started_at,
    command_text,
    describe_error,
    git_commit,
)


@pytest.mark.parametrize(("age", "expected"), [(7, 7), (4000, 0)], ids=["command", "notebook"])
def test_command_starts_with_its_process_unless_that_is_old(monkeypatch, age, expected):
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: time.time() - age)
    assert time.time() - command_started_at() == pytest.approx(expected, abs=1)


def test_git_commit_is_marked_where_files_differ_from_it(tmp_path):
    (tmp_path / "file").write_text("one")
    for arguments in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q", "-m", "one"],
    ):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    commit = git_commit(tmp_path)
    assert len(commit) == 12
    (tmp_path / "file").write_text("two")
    assert git_commit(tmp_path) == commit + "+"


def test_git_commit_is_unknown_outside_a_repository(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_commit(tmp_path) == "unknown"


def test_git_commit_is_unknown_without_git(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_commit(tmp_path) == "unknown"


def test_command_is_recorded_as_typed(monkeypatch):
    typed = ["run", "--pipeline=full", "--env=demo", "--params", "download.archive=my files.zip"]
    monkeypatch.setattr(session.sys, "argv", ["/venv/bin/kedro", *typed])
    with click.Context(click.Command("run"), info_name="/venv/bin/kedro"):
        text = command_text({})
    assert text == ("kedro run --pipeline=full --env=demo --params 'download.archive=my files.zip'")


def test_command_of_a_notebook_is_one_that_does_the_same():
    run_params = {
        "pipeline_names": ["full"],
        "env": "demo",
        "runtime_params": {"study": {"reuse": False}},
        "namespaces": ["tiny"],
        "tags": [],
    }
    assert command_text(run_params) == (
        "kedro run --pipelines=full --env=demo --namespaces=tiny --params=study.reuse=false"
    )


def test_error_is_the_users_among_its_causes():
    wrapped = ValueError("Failed while loading data")
    wrapped.__cause__ = InputError("file.csv: row 3\nis empty")
    assert describe_error(wrapped) == "file.csv: row 3 is empty"
    assert describe_error(KeyError("a")) == "KeyError: 'a'"
