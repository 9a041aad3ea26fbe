"""The download node against a fake of Kaggle."""

import pytest
from fake_kaggle import SECRETS, SLUG, leaks
from parameters import section

from facial_keypoints.archive.competition import CompetitionArchive
from facial_keypoints.errors import InputError
from facial_keypoints.kaggle import transfer
from facial_keypoints.parameters import DownloadParameters
from facial_keypoints.pipelines.download.nodes import download_archive


@pytest.fixture
def kaggle(kaggle, archive_path):
    kaggle.archive = archive_path.read_bytes()
    return kaggle


@pytest.fixture
def earlier(tmp_path):
    """A corrupt archive, which a download replaces."""
    path = tmp_path / "raw" / f"{SLUG}.zip"
    path.parent.mkdir()
    path.write_bytes(b"earlier")
    return CompetitionArchive(path)


@pytest.fixture(autouse=True)
def no_leaks(earlier, caplog):
    yield
    folder = earlier.path.parent
    assert [place for secret in SECRETS for place in leaks(folder, caplog.text, secret)] == []


def download(earlier):
    return download_archive(section(DownloadParameters, source="kaggle"), earlier)


def failure(earlier):
    """Return the error message; the earlier archive must be unchanged."""
    with pytest.raises(InputError) as caught:
        download(earlier)
    names = {path.name for path in earlier.path.parent.iterdir()}
    assert names == {earlier.path.name, ".fetching.lock"}
    assert earlier.path.read_bytes() == b"earlier"
    return str(caught.value)


def test_download_replaces_an_earlier_archive(kaggle, earlier):
    assert download(earlier).path.read_bytes() == kaggle.archive


def test_sound_archive_is_not_downloaded_again(kaggle, earlier):
    download(earlier)
    requests = len(kaggle.requests)
    download(earlier)
    assert len(kaggle.requests) == requests


@pytest.mark.fault("Kaggle", "download fails every time", "the earlier archive is unchanged")
@pytest.mark.parametrize(
    ("name", "fault", "expected"),
    [
        ("DownloadDataFiles", {"status": 401}, "not accept the credentials"),
        ("DownloadDataFiles", {"status": 403}, f"competitions/{SLUG}/rules"),
        ("DownloadDataFiles", {"status": 404}, f"no competition '{SLUG}'"),
        ("DownloadDataFiles", {"status": 429, "Retry_After": "7200"}, "run again in 120 min"),
        ("Archive", {"status": 500}, "server failed (500), 5 times"),
        ("Archive", {"status": None}, "connection to Kaggle failed"),
    ],
)
def test_failed_download_keeps_the_earlier_archive(kaggle, earlier, name, fault, expected):
    kaggle.fail(name, **fault)
    assert expected in failure(earlier)


@pytest.mark.fault(
    "Kaggle",
    "no credentials",
    "reported, with all ways to give them and the alternatives; no request is sent",
)
def test_missing_credentials_keep_the_earlier_archive(kaggle, earlier, monkeypatch):
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    message = failure(earlier)
    assert "No Kaggle credentials were found" in message
    assert "download.source=archive" in message
    assert kaggle.requests == []


def with_wrong_checksum(archive):
    """Change one byte of a member's content."""
    place = archive.index(b"IdLookupTable.csv") + len("IdLookupTable.csv") + 3
    return archive[:place] + bytes([archive[place] ^ 1]) + archive[place + 1 :]


@pytest.mark.fault(
    "Kaggle",
    "archive of a wrong size or checksum",
    "rejected; the earlier archive is unchanged",
)
@pytest.mark.parametrize(
    ("corrupt", "expected"),
    [
        (lambda archive: archive[:-40], "truncated"),
        (with_wrong_checksum, "'IdLookupTable.csv' is corrupt (wrong checksum)"),
        (lambda archive: b"PK\x05\x06" + bytes(18), "lacks training.zip"),
    ],
    ids=["cut", "checksum", "empty"],
)
def test_unsound_archive_is_rejected(kaggle, earlier, corrupt, expected):
    kaggle.archive = corrupt(kaggle.archive)
    assert expected in failure(earlier)


@pytest.mark.fault(
    "Kaggle",
    "archive of a wrong size or checksum",
    "rejected; the earlier archive is unchanged",
)
@pytest.mark.parametrize(("more", "expected"), [(-40, "truncated"), (40, "connection to Kaggle")])
def test_archive_of_another_length_than_announced_is_rejected(kaggle, earlier, more, expected):
    kaggle.length = len(kaggle.archive) + more
    assert expected in failure(earlier)


@pytest.mark.fault(
    "Kaggle",
    "a download that is too slow",
    "a timeout: repeated after growing random pauses, at most five times, then reported",
)
def test_slow_download_keeps_the_earlier_archive(kaggle, earlier, monkeypatch):
    monkeypatch.setattr(transfer, "_PACE_SECONDS", 0.1)
    kaggle.trickles = [0] * 100
    assert "did not respond in time, or too slowly" in failure(earlier)
