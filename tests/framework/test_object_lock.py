"""The lock of a data folder on object storage."""

from uuid import uuid4

import pytest

from facial_keypoints.errors import InputError
from facial_keypoints.framework import object_lock
from facial_keypoints.framework.datasets import local_copy
from facial_keypoints.framework.object_lock import HeldError, ObjectLock
from facial_keypoints.framework.run_lock import DataFolder
from facial_keypoints.framework.storage import filesystem


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Return a function that makes this process one on another machine."""

    def change_to(name):
        folder = tmp_path / name
        monkeypatch.setattr(local_copy, "user_cache_path", lambda _: folder)

    change_to("first")
    monkeypatch.setattr(object_lock, "_SECONDS_TO_SETTLE", 0)
    return change_to


@pytest.fixture
def place(machine):
    return filesystem(f"memory:///{uuid4().hex}/.run.lock")


@pytest.fixture
def locks(place):
    """Return a function that makes locks of one place; they are freed afterwards."""
    made = []

    def make():
        made.append(ObjectLock(*place))
        return made[-1]

    yield make
    for lock in made:
        if lock._renewal.ident is not None:
            lock.release()


def die(lock):
    """End a lock as the operating system ends a killed process."""
    lock._ended.set()
    lock._renewal.join()
    lock._here.release()


def test_lock_is_free_after_its_release(locks, place):
    first = locks()
    first.acquire()
    first.release()
    assert not place[0].exists(str(place[1]))
    locks().acquire()


@pytest.mark.parametrize("other", ["first", "second"])
def test_second_holder_is_refused(locks, machine, other):
    locks().acquire()
    machine(other)
    for _ in range(2):  # the attempt does not make the lock look like this machine's
        with pytest.raises(HeldError):
            locks().acquire()


def test_lock_of_a_killed_process_is_free_on_its_machine(locks, machine):
    first = locks()
    first.acquire()
    die(first)
    machine("second")
    with pytest.raises(HeldError):
        locks().acquire()
    machine("first")
    locks().acquire()


@pytest.mark.parametrize("arrives", [False, True])
def test_lock_of_a_killed_process_is_free_after_the_storage_did_not_answer(
    locks, place, monkeypatch, arrives
):
    first = locks()
    first.acquire()
    die(first)
    files = place[0]

    def fail(self, name, content, mode="overwrite"):
        if arrives:
            self.store[name].seek(0)
            self.store[name].truncate()
            self.store[name].write(content)
        raise RuntimeError("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(type(files), "pipe_file", fail)
        with pytest.raises(RuntimeError, match="no answer"):
            locks().acquire()
    locks().acquire()


def test_lock_that_is_not_renewed_is_taken_over(locks, machine, monkeypatch, caplog):
    first = locks()
    first.acquire()
    die(first)
    machine("second")
    monkeypatch.setattr(object_lock, "_SECONDS_UNTIL_ABANDONED", 0)
    locks().acquire()
    assert "abandoned for 0 s, taking it over" in caplog.text


def test_last_of_two_that_take_over_holds_the_lock(locks, machine, monkeypatch, place):
    first = locks()
    first.acquire()
    die(first)

    def settle(_):
        place[0].pipe_file(str(place[1]), b"another's")

    monkeypatch.setattr(object_lock.time, "sleep", settle)
    with pytest.raises(HeldError):
        locks().acquire()


def test_abandoned_lock_that_another_has_just_taken_is_left_to_it(
    locks, machine, monkeypatch, place
):
    first = locks()
    first.acquire()
    die(first)
    machine("second")

    def look(_):
        place[0].pipe_file(str(place[1]), b"another's")
        return True

    monkeypatch.setattr(ObjectLock, "_is_abandoned", look)
    with pytest.raises(HeldError):
        locks().acquire()
    assert place[0].cat_file(str(place[1])) == b"another's"


def test_holder_learns_that_it_was_taken_over(locks, monkeypatch, place):
    monkeypatch.setattr(object_lock, "_SECONDS_BETWEEN_RENEWALS", 0.01)
    lock = locks()
    lock.acquire()
    assert not lock.is_lost
    place[0].pipe_file(str(place[1]), b"another's")
    lock._renewal.join(5)
    assert lock.is_lost
    lock.release()
    assert place[0].cat_file(str(place[1])) == b"another's"


def test_renewal_writes_the_token_again(locks, monkeypatch, place):
    monkeypatch.setattr(object_lock, "_SECONDS_BETWEEN_RENEWALS", 0.01)
    lock = locks()
    lock.acquire()
    before = place[0].modified(str(place[1]))
    while place[0].modified(str(place[1])) == before:
        assert lock._renewal.is_alive()


def test_data_folder_names_the_holder(machine):
    root = f"memory:///{uuid4().hex}"
    held = DataFolder(root, {})
    held.lock()
    held.write_note({"process": 7, "host": "there", "since": "noon"})
    with pytest.raises(
        InputError, match=r"^memory://.* is in use by another run \(process 7 on there, since noon"
    ):
        DataFolder(root, {}).lock()
    held.unlock()


def test_partial_files_are_removed_but_for_those_of_a_run_in_a_subfolder(machine):
    root = uuid4().hex
    folder, inner = DataFolder(f"memory:///{root}", {}), DataFolder(f"memory:///{root}/demo", {})
    fs, _ = filesystem("memory:///x")
    inner.lock()
    half = f".{'0' * 32}.table.csv"
    for path in (
        f"{root}/{half}",
        f"{root}/a/{half}",
        f"{root}/demo/{half}",
        f"{root}/a/table.csv",
    ):
        fs.pipe_file(path, b"half")
    folder.remove_partial_files()
    names = {path.removeprefix(f"/{root}/") for path in fs.find(f"/{root}")}
    assert names == {"demo/.run.lock", f"demo/{half}", "a/table.csv"}
    inner.unlock()
