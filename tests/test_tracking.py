import subprocess

import pytest

from facial_keypoints import tracking


def test_numbers_are_named_by_their_path():
    figures = {"a": {"b": 1, "c": {"d": 2.5}}, "e": None, "f": "text", "g": True}
    assert dict(tracking.flat_numbers(figures)) == {"a_b": 1.0, "a_c_d": 2.5}


def test_the_commit_is_marked_where_files_differ_from_it(tmp_path):
    assert tracking.git_commit(tmp_path) == "unknown"
    (tmp_path / "file").write_text("one")
    for arguments in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q", "-m", "one"],
    ):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    commit = tracking.git_commit(tmp_path)
    assert len(commit) == 12
    (tmp_path / "file").write_text("two")
    assert tracking.git_commit(tmp_path) == commit + "+"


def test_without_a_run_nothing_is_logged():
    assert tracking.active_run_id() is None
    assert tracking.epoch_callbacks() == []


@pytest.mark.parametrize("score", [{"mlflow_run_id": None}, {}])
def test_a_score_without_a_run_is_no_error(score):
    tracking._log_kaggle_score(score)
    assert tracking.active_run_id() is None
