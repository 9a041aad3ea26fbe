import shutil
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from filelock import FileLock
from limits import largest_file

from facial_keypoints.archive.competition import CompetitionArchive
from facial_keypoints.archive.fetching import ArchiveSource, fetch_archive
from facial_keypoints.errors import InputError


def contents(folder):
    """Every file below ``folder`` with its bytes, without locks."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }


@dataclass
class CopySource:
    """Copies a file and records the targets."""

    path: Path
    fingerprint: str = "here"
    description: str = "Copying a file"
    name: str | None = None
    also: str | None = None
    targets: list[Path] = field(default_factory=list)

    def fetch(self, target):
        self.targets.append(target)
        shutil.copyfile(self.path, target)


class BrokenSource(CopySource):
    def fetch(self, target):
        super().fetch(target)
        target.write_bytes(target.read_bytes()[:100])
        raise ConnectionError("gone")


@pytest.fixture
def source(archive_path):
    return CopySource(archive_path)


@pytest.fixture
def raw(tmp_path):
    return tmp_path / "raw"


@pytest.fixture
def path(raw):
    return raw / "competition.zip"


def test_archive_is_fetched_checked_and_stamped(source, raw, path):
    archive = fetch_archive(source, path)
    assert archive == CompetitionArchive(path)
    assert contents(raw) == {
        "competition.zip": source.path.read_bytes(),
        "competition.zip.source": b"here",
    }
    with archive.open("test.csv") as stream:
        assert stream.read(7) == b"ImageId"
    assert raw in source.targets[0].parents


def test_sound_archive_of_the_same_source_is_reused(source, path):
    fetch_archive(source, path)
    before = path.stat().st_mtime_ns
    time.sleep(0.01)
    fetch_archive(source, path)
    assert len(source.targets) == 1
    assert path.stat().st_mtime_ns == before


@pytest.mark.fault("Stale results", "the archive came from another source", "fetched again")
def test_archive_of_another_source_is_replaced(
    source, raw, path, tmp_path, make_archive, make_table
):
    fetch_archive(source, path)
    lookup = make_table(["RowId", "ImageId", "FeatureName"], [[77, 1, "nose_tip_y"]])
    other = CopySource(make_archive(tmp_path / "other.zip", lookup=lookup), "there")
    fetch_archive(other, path)
    assert contents(raw) == {
        "competition.zip": other.path.read_bytes(),
        "competition.zip.source": b"there",
    }


@pytest.mark.fault("Archives", "Corrupt or missing in the data folder", "fetched again")
@pytest.mark.parametrize(
    "corrupt",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-50]),
        lambda path: path.write_bytes(b""),
        lambda path: path.unlink(),
        lambda path: path.with_name("competition.zip.source").unlink(),
        lambda path: path.with_name("competition.zip.source").write_bytes(b"her\xff\xfe"),
    ],
    ids=["truncated", "empty", "missing", "without source", "corrupt source"],
)
def test_corrupt_archive_is_fetched_again(source, raw, path, corrupt):
    fetch_archive(source, path)
    expected = contents(raw)
    corrupt(path)
    fetch_archive(source, path)
    assert len(source.targets) == 2
    assert contents(raw) == expected


@pytest.mark.parametrize("has_earlier", [True, False])
def test_failed_fetch_keeps_the_earlier_archive(source, raw, path, has_earlier):
    if has_earlier:
        fetch_archive(source, path)
    before = contents(raw)
    with pytest.raises(ConnectionError):
        fetch_archive(BrokenSource(source.path, "there"), path)
    assert contents(raw) == before
    assert [entry.name for entry in raw.iterdir() if entry.is_dir()] == []


@pytest.mark.fault(
    "Archives",
    "A download that is not the archive, or has a malformed table",
    "rejected; the earlier archive stays",
)
def test_unsound_fetch_keeps_the_earlier_archive(source, raw, path, tmp_path):
    fetch_archive(source, path)
    before = contents(raw)
    page = tmp_path / "page.html"
    page.write_text("sign in")
    with pytest.raises(InputError, match=r"^the fetched competition\.zip: not a valid zip"):
        fetch_archive(CopySource(page, "there"), path)
    assert contents(raw) == before
    fetch_archive(source, path)
    assert len(source.targets) == 1


@pytest.mark.fault(
    "Archives",
    "A download that is not the archive, or has a malformed table",
    "rejected; the earlier archive stays",
)
@pytest.mark.parametrize("table", ["training", "test", "lookup"])
@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"ImageId,Image\n1\n"])
def test_malformed_table_keeps_the_earlier_archive(
    source, raw, path, tmp_path, make_archive, table, content
):
    fetch_archive(source, path)
    before = contents(raw)
    other = make_archive(tmp_path / "other.zip", **{table: content})
    name = "IdLookupTable" if table == "lookup" else table
    with pytest.raises(InputError, match=rf": {name}\.csv"):
        fetch_archive(CopySource(other, "there"), path)
    assert contents(raw) == before


@pytest.mark.fault(
    "Disk",
    "full disk while downloading",
    "reported, with a remedy; the earlier archive stays, no partial one",
)
def test_full_disk_keeps_the_earlier_archive(source, raw, path):
    fetch_archive(source, path)
    before = contents(raw)
    size = source.path.stat().st_size
    with largest_file(size - 1), pytest.raises(InputError, match=r"cannot be written.*File too la"):
        fetch_archive(CopySource(source.path, "there"), path)
    assert contents(raw) == before
    assert [entry.name for entry in raw.iterdir() if entry.is_dir()] == []


def test_folder_that_cannot_be_written_is_an_input_error(source, archive_path):
    with pytest.raises(InputError, match=r"competition\.zip: cannot be written"):
        fetch_archive(source, archive_path / "raw" / "competition.zip")


def test_interruption_before_the_stamp_is_not_mistaken_for_a_sound_archive(
    source, path, tmp_path, make_archive, monkeypatch
):
    fetch_archive(source, path)
    other = CopySource(make_archive(tmp_path / "other.zip", **{"more.txt": b"x"}), "there")

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fetch_archive(other, path)
    fetch_archive(source, path)
    assert path.read_bytes() == source.path.read_bytes()


def test_leftovers_of_a_killed_run_are_removed(source, raw, path):
    leftover = raw / ".fetching-killed"
    leftover.mkdir(parents=True)
    (leftover / "competition.zip").write_bytes(b"half")
    fetch_archive(source, path)
    assert not leftover.exists()


def test_nothing_outside_the_folder_changes(source, path, tmp_path):
    outside = contents(tmp_path)
    fetch_archive(source, path)
    after = contents(tmp_path)
    assert {name: after[name] for name in after if not name.startswith("raw/")} == outside


def test_local_source_may_be_the_archive_in_place(raw, path, archive_path):
    raw.mkdir()
    shutil.copyfile(archive_path, path)
    fetch_archive(ArchiveSource("x", "Copying", lambda to: shutil.copyfile(path, to)), path)
    assert path.read_bytes() == archive_path.read_bytes()


@pytest.mark.fault("Two runs", "both fetch one archive", "one fetches, the other waits and reuses")
def test_second_run_waits_for_the_first(source, raw, path, caplog):
    caplog.set_level("INFO", "facial_keypoints")
    raw.mkdir()
    second = threading.Thread(target=fetch_archive, args=(source, path))
    with FileLock(raw / ".fetching.lock"):
        second.start()
        deadline = time.monotonic() + 10
        while "waiting for it" not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.01)
        assert source.targets == []
        shutil.copyfile(source.path, path)
        path.with_name("competition.zip.source").write_text("here")
    second.join(timeout=10)
    assert not second.is_alive()
    assert source.targets == []
    assert "reusing the archive" in caplog.text
