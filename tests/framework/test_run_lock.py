import json
from types import SimpleNamespace
from uuid import uuid4

import pytest

from facial_keypoints.errors import InputError
from facial_keypoints.framework import object_lock
from facial_keypoints.framework.datasets import local_copy
from facial_keypoints.framework.run_lock import LOCK, NOTE, RunLockHooks
from facial_keypoints.framework.storage import filesystem

HALF = f".{'0' * 32}.table.csv"


def hooks_for(folder):
    hooks = RunLockHooks(SimpleNamespace(run_id="abc", is_complete=True))
    settings = {"globals": {"data_root": str(folder)}}
    hooks.after_context_created(SimpleNamespace(config_loader=settings, project_path=folder))
    return hooks


@pytest.fixture
def start_run():
    """Return a function that starts runs in data folders; the locks are freed afterwards."""
    started = []

    def start_in(folder):
        hooks = hooks_for(folder)
        list(hooks.before_pipeline_run())  # the others' hooks would run at its one yield
        started.append(hooks)
        return hooks

    yield start_in
    for hooks in started:
        hooks.close("FINISHED")


@pytest.mark.fault(
    "Two runs", "a run in data next to one in data/demo", "the other's partial files stay"
)
def test_partial_files_of_a_run_in_a_subfolder_are_kept(tmp_path, start_run):
    start_run(tmp_path / "data" / "demo")
    (tmp_path / "data/demo/06_models").mkdir()
    (tmp_path / "data/05_model_input").mkdir()
    theirs, ours = tmp_path / "data/demo/06_models" / HALF, tmp_path / "data/05_model_input" / HALF
    for half in (theirs, ours):
        half.write_text("half")
    start_run(tmp_path / "data")
    assert theirs.exists()
    assert not ours.exists()


def test_second_run_is_refused_with_the_holder_of_the_lock(tmp_path, start_run):
    first = start_run(tmp_path)
    with pytest.raises(InputError, match=r"is in use by another run \(process \d+ on "):
        start_run(tmp_path)
    first.close("FINISHED")
    assert not (tmp_path / NOTE).exists()
    start_run(tmp_path)


def test_note_of_another_folder_is_kept(tmp_path, start_run):
    start_run(tmp_path / "a")
    other = start_run(tmp_path / "b")
    settings = {"globals": {"data_root": str(tmp_path / "a")}}
    other.after_context_created(SimpleNamespace(config_loader=settings, project_path=tmp_path))
    other.close("FINISHED")
    assert (tmp_path / "a" / NOTE).exists()
    assert not (tmp_path / "b" / NOTE).exists()


@pytest.mark.fault(
    "Two runs", "another machine's run took over on object storage", "saves no result; ends"
)
def test_run_that_lost_its_lock_leaves_all_to_the_other(tmp_path, start_run, monkeypatch):
    monkeypatch.setattr(local_copy, "user_cache_path", lambda _: tmp_path)
    monkeypatch.setattr(object_lock, "_SECONDS_BETWEEN_RENEWALS", 0.01)
    root = f"memory:///{uuid4().hex}"
    run = start_run(root)
    run.before_dataset_saved()
    storage, path = filesystem(root)
    theirs = {LOCK: b"another's", NOTE: b'{"mlflow_run_id": "theirs"}'}
    for _ in range(100):  # a renewal under way would write over the first
        for name, content in theirs.items():
            storage.pipe_file(str(path / name), content)
        run._folder._lock._renewal.join(0.1)
        if run._folder.is_lost:
            break
    for step in (run.before_node_run, run.before_dataset_saved):
        with pytest.raises(InputError, match="another run took over"):
            step()
    run.close("FAILED")
    assert {name: storage.cat_file(str(path / name)) for name in theirs} == theirs


@pytest.mark.parametrize(
    ("facts", "status"),
    [({}, "KILLED"), ({"ended": "FINISHED"}, "FINISHED"), ({"ended": "FAILED"}, "FAILED")],
)
def test_next_run_ends_the_mlflow_runs_of_a_killed_run(
    tmp_path, start_run, monkeypatch, facts, status
):
    closed = []
    monkeypatch.setattr("facial_keypoints.tracking.runs.close_run", lambda *run: closed.append(run))
    (tmp_path / NOTE).write_text(json.dumps({"mlflow_run_id": "abc", **facts}))
    start_run(tmp_path)
    assert closed == [("abc", status)]


@pytest.mark.parametrize("note", ["", "[]", "{}", "nonsense", '{"mlflow_run_id": null}'])
def test_unreadable_note_is_ignored(tmp_path, start_run, note):
    (tmp_path / NOTE).write_text(note)
    start_run(tmp_path)
    assert (tmp_path / LOCK).exists()
