import subprocess
import time

import psutil
import pytest

from facial_keypoints.tracking.session import command_started_at, git_commit


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
