import os
import shutil
import zipfile
from functools import partial
from pathlib import Path

import pytest
from parameters import section

from facial_keypoints.archive.competition import CompetitionArchive
from facial_keypoints.archive.fetching import ArchiveSource, fetch_archive
from facial_keypoints.errors import InputError
from facial_keypoints.parameters import DownloadParameters
from facial_keypoints.pipelines.download import nodes
from facial_keypoints.pipelines.download.nodes import (
    choose_source,
    download_archive,
    find_answer_key,
)

NOWHERE = Path("nowhere.zip")
SYNTHETIC = {"train_faces": 20, "test_faces": 4, "seed": 3}


def synthetic(**changes):
    return section(DownloadParameters, source="synthetic", synthetic={**SYNTHETIC, **changes})


def local(path):
    return section(DownloadParameters, source="archive", archive=path)


def test_kaggle_source_downloads_the_named_competition(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(nodes, "download_competition", lambda *given: calls.append(given))
    source = choose_source(
        section(DownloadParameters, source="kaggle", competition="another-one"), tmp_path / "b.zip"
    )
    source.fetch(tmp_path / "a.zip")
    assert calls == [("another-one", tmp_path / "a.zip")]
    assert source.fingerprint == "kaggle:another-one"
    assert source.description == "Downloading another-one from Kaggle"


def test_local_archive_is_checked_first(tmp_path, archive_path):
    place = tmp_path / "raw" / "competition.zip"
    with pytest.raises(InputError, match="file not found"):
        choose_source(local(tmp_path / "nowhere.zip"), place)
    archive_path.write_bytes(archive_path.read_bytes()[:-9])
    with pytest.raises(InputError, match=r"competition\.zip: not a valid zip"):
        choose_source(local(archive_path), place)


def test_local_archive_is_copied_and_unchanged(tmp_path, archive_path):
    before = archive_path.read_bytes()
    source = choose_source(local(archive_path), NOWHERE)
    source.fetch(tmp_path / "copy.zip")
    assert (tmp_path / "copy.zip").read_bytes() == archive_path.read_bytes() == before
    assert str(archive_path) in source.description


def test_local_fingerprint_changes_with_the_file(tmp_path, archive_path, make_archive):
    first = choose_source(local(archive_path), NOWHERE).fingerprint
    assert choose_source(local(archive_path), NOWHERE).fingerprint == first
    os.utime(archive_path, ns=(1, 1))
    touched = choose_source(local(archive_path), NOWHERE).fingerprint
    other = choose_source(local(make_archive(tmp_path / "other.zip")), NOWHERE).fingerprint
    assert len({first, touched, other}) == 3


def test_synthetic_fingerprint_covers_every_parameter():
    changes = ({}, {"seed": 4}, {"train_faces": 21}, {"test_faces": 5})
    fingerprints = {choose_source(synthetic(**change), NOWHERE).fingerprint for change in changes}
    assert len(fingerprints) == 4
    assert choose_source(synthetic(), NOWHERE).fingerprint in fingerprints
    assert "24 synthetic faces" in choose_source(synthetic(), NOWHERE).description


def test_synthetic_archive_is_sound_and_every_row_has_an_answer(tmp_path):
    earlier = CompetitionArchive(tmp_path / "raw" / "competition.zip")
    archive = download_archive(synthetic(), earlier)
    assert archive == earlier
    archive.check()
    with archive.open("IdLookupTable.csv") as stream:
        requested = [line.split(b",")[0] for line in stream.read().splitlines()[1:]]
    key = find_answer_key(synthetic(), archive)
    assert list(key.columns) == ["RowId", "Location"]
    assert key["RowId"].tolist() == [int(row) for row in requested]
    assert key["Location"].between(0, 96).all()


def test_earlier_archive_of_the_same_source_is_reused(tmp_path, archive_path, caplog):
    caplog.set_level("INFO", "facial_keypoints")
    place = CompetitionArchive(tmp_path / "raw" / "competition.zip")
    download_archive(local(archive_path), place)
    changed = place.path.stat().st_mtime_ns
    assert download_archive(local(archive_path), place) == place
    assert place.path.stat().st_mtime_ns == changed
    assert "competition.zip: reusing the archive" in caplog.text


@pytest.mark.parametrize("source", ["auto", "kaggle", "archive"])
def test_answer_key_is_empty_for_kaggle_data(source, archive_path):
    key = find_answer_key(
        section(DownloadParameters, source=source, archive=archive_path),
        CompetitionArchive(archive_path),
    )
    assert key.empty
    assert list(key.columns) == ["RowId", "Location"]


@pytest.fixture
def kaggle_refuses(monkeypatch):
    def download(*_):
        raise InputError("no credentials")

    monkeypatch.setattr(nodes, "download_competition", download)


def auto(**changes):
    return section(DownloadParameters, source="auto", **changes)


@pytest.fixture
def place(tmp_path):
    return CompetitionArchive(tmp_path / "raw" / "competition.zip")


def test_auto_takes_the_given_archive(archive_path, place):
    download_archive(auto(archive=archive_path), place)
    assert place.path.read_bytes() == archive_path.read_bytes()


@pytest.mark.usefixtures("kaggle_refuses")
def test_auto_uses_the_archive_that_was_given_once(archive_path, place, caplog):
    caplog.set_level("INFO", "facial_keypoints")
    download_archive(local(archive_path), place)
    archive_path.unlink()
    assert download_archive(auto(), place) == place
    assert f"using the archive in place, a copy of {archive_path} (checksums" in caplog.text


@pytest.mark.usefixtures("kaggle_refuses")
def test_auto_uses_a_zip_that_the_user_put_in_place(archive_path, place):
    place.path.parent.mkdir()
    archive_path.rename(place.path)
    for _ in range(2):
        download_archive(auto(), place).check()


@pytest.mark.usefixtures("kaggle_refuses")
@pytest.mark.parametrize("folder", ["", "facial-keypoints-detection"])
def test_auto_uses_tables_in_the_folder_of_the_archive(archive_path, place, folder):
    with zipfile.ZipFile(archive_path) as archive:
        archive.extractall(place.path.parent / folder)
    download_archive(auto(), place).check()
    assert place.path.is_file()


@pytest.mark.parametrize("earlier", ["nothing", "synthetic", "another competition", "not a zip"])
def test_auto_downloads_from_kaggle_otherwise(place, archive_path, monkeypatch, earlier):
    if earlier == "synthetic":
        download_archive(synthetic(), place)
    elif earlier == "another competition":
        source = ArchiveSource("kaggle:other", "", partial(shutil.copyfile, archive_path))
        fetch_archive(source, place.path)
    elif earlier == "not a zip":
        place.path.parent.mkdir()
        place.path.write_bytes(b"earlier")
    monkeypatch.setattr(
        nodes, "download_competition", lambda _, target: shutil.copyfile(archive_path, target)
    )
    download_archive(auto(), place)
    assert place.path.read_bytes() == archive_path.read_bytes()
    assert place.path.with_name("competition.zip.source").read_text().startswith("kaggle:facial")


def test_auto_reports_tables_in_place_that_are_incomplete(place, archive_path, monkeypatch, caplog):
    with zipfile.ZipFile(archive_path) as archive:
        archive.extract("training.zip", place.path.parent)
    monkeypatch.setattr(
        nodes, "download_competition", lambda _, target: shutil.copyfile(archive_path, target)
    )
    download_archive(auto(), place)
    assert "raw: lacks test.csv, IdLookupTable.csv (it contains training.zip)" in caplog.text


def test_local_folder_is_packed_once(tmp_path, archive_path, place, caplog):
    caplog.set_level("INFO", "facial_keypoints")
    with zipfile.ZipFile(archive_path) as archive:
        archive.extractall(tmp_path / "folder")
    download_archive(local(tmp_path / "folder"), place).check()
    download_archive(local(tmp_path / "folder"), place)
    assert caplog.text.count("Packing ") == 1
    assert "competition.zip: reusing the archive" in caplog.text


def test_malformed_table_of_a_folder_is_reported_by_its_path(tmp_path, archive_path, place):
    with zipfile.ZipFile(archive_path) as archive:
        archive.extractall(tmp_path / "folder")
    (tmp_path / "folder" / "IdLookupTable.csv").write_text("RowId,ImageId\n1,1\n")
    with pytest.raises(InputError, match=r"folder: IdLookupTable\.csv: the header lacks"):
        download_archive(local(tmp_path / "folder"), place)
    assert not place.path.exists()


def test_unused_archive_is_reported(archive_path, place, caplog):
    download = section(
        DownloadParameters, source="synthetic", synthetic=SYNTHETIC, archive=archive_path
    )
    download_archive(download, place)
    assert "download.archive is not used, because download.source is synthetic" in caplog.text
    assert f"--params download.source=archive,download.archive={archive_path}" in caplog.text
