import json
from types import SimpleNamespace

import pytest

from facial_keypoints.errors import InputError
from facial_keypoints.framework import run_lock
from facial_keypoints.framework.run_lock import LOCK, NOTE, RunLockHooks

HALF = f".{'0' * 32}.table.csv"


def hooks_for(folder):
    hooks = RunLockHooks(SimpleNamespace(run_id="abc", is_complete=True))
    settings = {"globals": {"data_root": str(folder)}}
    hooks.after_context_created(SimpleNamespace(config_loader=settings, project_path=folder))
    return hooks


@pytest.fixture
def begin():
    """Begins runs in data folders; frees what is still held."""
    begun = []

    def begin_in(folder):
        hooks = hooks_for(folder)
        list(hooks.before_pipeline_run())  # the others' hooks would run at its one yield
        begun.append(hooks)
        return hooks

    yield begin_in
    for hooks in begun:
        hooks.close("FINISHED")


@pytest.mark.fault(
    "Two runs", "a run in data beside one in data/demo", "the other's half-written files stay"
)
def test_the_files_of_a_run_in_a_folder_within_are_let_alone(tmp_path, begin):
    begin(tmp_path / "data" / "demo")
    (tmp_path / "data/demo/06_models").mkdir()
    (tmp_path / "data/05_model_input").mkdir()
    theirs, ours = tmp_path / "data/demo/06_models" / HALF, tmp_path / "data/05_model_input" / HALF
    for half in (theirs, ours):
        half.write_text("half")
    begin(tmp_path / "data")
    assert theirs.exists()
    assert not ours.exists()


def test_a_second_run_is_refused_and_named(tmp_path, begin):
    first = begin(tmp_path)
    with pytest.raises(InputError, match=r"is in use by another run \(process \d+ on "):
        begin(tmp_path)
    first.close("FINISHED")
    assert not (tmp_path / NOTE).exists()
    begin(tmp_path)


def test_another_folders_note_is_not_taken_along(tmp_path, begin):
    begin(tmp_path / "a")
    other = begin(tmp_path / "b")
    settings = {"globals": {"data_root": str(tmp_path / "a")}}
    other.after_context_created(SimpleNamespace(config_loader=settings, project_path=tmp_path))
    other.close("FINISHED")
    assert (tmp_path / "a" / NOTE).exists()
    assert not (tmp_path / "b" / NOTE).exists()


@pytest.mark.parametrize(
    ("facts", "status"),
    [({}, "KILLED"), ({"ended": "FINISHED"}, "FINISHED"), ({"ended": "FAILED"}, "FAILED")],
)
def test_what_mlflow_holds_open_is_closed_by_the_next_run(
    tmp_path, begin, monkeypatch, facts, status
):
    closed = []
    monkeypatch.setattr(run_lock, "close_run", lambda *run: closed.append(run))
    (tmp_path / NOTE).write_text(json.dumps({"mlflow_run_id": "abc", **facts}))
    begin(tmp_path)
    assert closed == [("abc", status)]


@pytest.mark.parametrize("note", ["", "[]", "{}", "nonsense", '{"mlflow_run_id": null}'])
def test_a_note_that_cannot_be_read_hinders_nothing(tmp_path, begin, note):
    (tmp_path / NOTE).write_text(note)
    begin(tmp_path)
    assert (tmp_path / LOCK).exists()
