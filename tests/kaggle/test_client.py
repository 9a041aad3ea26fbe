import io
import random
import socket
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from pathlib import Path

import pytest
import requests
from fake_kaggle import (
    SLUG,
    FakeKaggle,
    fake_kaggle,
    redirect,
)
from hypothesis import given
from hypothesis import strategies as st
from limits import largest_file

from facial_keypoints.errors import InputError
from facial_keypoints.kaggle import session as kaggle_session
from facial_keypoints.kaggle import transfer as kaggle_transfer
from facial_keypoints.kaggle.client import download_competition

CUT = pytest.mark.fault(
    "Kaggle",
    "download cut in the middle",
    "resumed or repeated; a part is never taken for the whole",
)
DISK = "reported, with a remedy; the earlier archive stays, no partial one"
REPEATED = "repeated after growing random pauses, at most five times, then reported"


@pytest.fixture
def kaggle(kaggle: FakeKaggle) -> FakeKaggle:
    kaggle.archive = _zip()
    return kaggle


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "data" / "01_raw" / "competition.zip.part"


@cache
def _zip() -> bytes:
    """A zip of more than two of the pieces (1 MiB) that the package writes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("training.zip", random.Random(0).randbytes(2_500_000))  # noqa: S311
    return stream.getvalue()


def _names_in(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


# Download


def test_downloads_the_archive(kaggle: FakeKaggle, target: Path):
    download_competition(SLUG, target)
    assert target.read_bytes() == kaggle.archive
    assert _names_in(target) == [target.name]
    assert kaggle.names() == ["DownloadDataFiles", "Archive"]
    assert kaggle.requests[-2].body == {"competitionName": SLUG}
    assert kaggle.pauses == []


def test_shows_progress_on_a_terminal(
    kaggle: FakeKaggle,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    download_competition(SLUG, target)
    shown = capsys.readouterr()
    assert "100%" in shown.err
    assert shown.out == ""


def test_shows_no_progress_in_a_log_file(
    kaggle: FakeKaggle, target: Path, capsys: pytest.CaptureFixture[str]
):
    download_competition(SLUG, target)
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "")


@CUT
def test_cut_download_is_resumed(kaggle: FakeKaggle, target: Path):
    kaggle.cuts = [1_500_000]
    download_competition(SLUG, target)
    assert target.read_bytes() == kaggle.archive
    assert len(kaggle.pauses) == 1
    assert kaggle.requests[-1].headers["Range"] == "bytes=1500000-"
    assert kaggle.served[-1] == len(kaggle.archive) - 1_500_000


@CUT
def test_cut_download_is_repeated_after_a_wrong_range(kaggle: FakeKaggle, target: Path):
    kaggle.cuts, kaggle.wrong_ranges = [1_500_000], 1
    download_competition(SLUG, target)
    assert target.read_bytes() == kaggle.archive
    assert len(kaggle.pauses) == 2


@CUT
def test_cut_download_is_repeated_without_ranges(kaggle: FakeKaggle, target: Path):
    kaggle.ranges, kaggle.cuts = False, [1_100_000, 2_200_000]
    download_competition(SLUG, target)
    assert target.read_bytes() == kaggle.archive
    assert len(kaggle.pauses) == 2


@CUT
def test_raises_input_error_for_a_download_that_is_always_cut(kaggle: FakeKaggle, target: Path):
    kaggle.ranges, kaggle.cuts = False, [1_100_000] * 100
    with pytest.raises(InputError, match=r"Downloading .* connection to Kaggle failed"):
        download_competition(SLUG, target)
    assert _names_in(target) == []
    assert kaggle.names().count("DownloadDataFiles") == kaggle_session._ATTEMPTS


@CUT
def test_cut_download_is_not_resumed_with_another_file(
    kaggle: FakeKaggle, target: Path, monkeypatch: pytest.MonkeyPatch
):
    kaggle.cuts = [1_500_000]

    def serve_another(_: float) -> None:
        kaggle.archive = kaggle.archive[::-1]

    monkeypatch.setattr(kaggle_session, "sleep", serve_another)
    download_competition(SLUG, target)
    assert target.read_bytes() == kaggle.archive == _zip()[::-1]
    assert "Range" not in kaggle.requests[-1].headers


@CUT
def test_raises_input_error_for_a_download_shorter_than_announced(kaggle: FakeKaggle, target: Path):
    kaggle.length = len(kaggle.archive) + 1
    with pytest.raises(InputError, match="connection to Kaggle failed"):
        download_competition(SLUG, target)
    assert _names_in(target) == []


@pytest.mark.fault("Kaggle", "a download that is too slow", "a timeout: " + REPEATED)
@pytest.mark.parametrize("ranges", [True, False])
def test_slow_download_is_a_timeout(
    ranges: bool,
    kaggle: FakeKaggle,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    monkeypatch.setattr(kaggle_transfer, "_PACE_SECONDS", 0.3)
    monkeypatch.setattr(kaggle_transfer, "_PACE_BYTES", 300)
    kaggle.ranges, kaggle.trickles = ranges, [700_000]
    download_competition(SLUG, target)
    assert target.read_bytes() == kaggle.archive
    assert caplog.text.count("ReadTimeout; attempt") == len(kaggle.pauses) == 1
    assert ("Range" in kaggle.requests[-1].headers) == ranges


@pytest.mark.fault("Kaggle", "a download that is too slow", "a timeout: " + REPEATED)
def test_raises_input_error_for_a_download_that_stays_slow(
    kaggle: FakeKaggle, target: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(kaggle_transfer, "_PACE_SECONDS", 0.1)
    monkeypatch.setattr(kaggle_transfer, "_PACE_BYTES", 300)
    kaggle.trickles = [0] * 100
    with pytest.raises(InputError, match="did not respond in time, or too slowly, 5 times"):
        download_competition(SLUG, target)
    assert _names_in(target) == []


@pytest.mark.fault("Disk", "full disk while downloading", DISK)
def test_full_disk_keeps_the_earlier_file(kaggle: FakeKaggle, target: Path):
    target.parent.mkdir(parents=True)
    target.write_bytes(b"old")
    with largest_file(1_000_000), pytest.raises(InputError, match=r"cannot be written.*free some"):
        download_competition(SLUG, target)
    assert target.read_bytes() == b"old"
    assert _names_in(target) == [target.name]
    assert kaggle.pauses == []


@pytest.mark.fault("Kaggle", "download fails every time", "the earlier archive is unchanged")
def test_failed_download_keeps_the_earlier_file(kaggle: FakeKaggle, target: Path):
    target.parent.mkdir(parents=True)
    target.write_bytes(b"old")
    kaggle.fail("Archive", 503)
    with pytest.raises(InputError, match=r"server failed \(503\)"):
        download_competition(SLUG, target)
    assert target.read_bytes() == b"old"


@pytest.mark.fault("Kaggle", "a page instead of the archive", "rejected; no file remains")
def test_raises_input_error_for_a_response_that_is_not_a_zip(kaggle: FakeKaggle, target: Path):
    kaggle.extension = "html"
    with pytest.raises(InputError, match="did not send a zip"):
        download_competition(SLUG, target)
    assert _names_in(target) == []


@pytest.mark.fault("Disk", "the archive's folder is not writable", "reported, with a remedy")
def test_raises_input_error_for_a_folder_that_cannot_be_written(kaggle: FakeKaggle, tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        download_competition(SLUG, tmp_path / "file" / "archive.zip")


# Refusals and faults


@pytest.mark.fault("Kaggle", "rules not accepted (403)", "reported, with the page to open")
def test_raises_input_error_with_the_rules_page(kaggle: FakeKaggle, target: Path):
    kaggle.fail("DownloadDataFiles", 403, message="You must accept this competition's rules.")
    with pytest.raises(InputError) as caught:
        download_competition(SLUG, target)
    assert f"https://www.kaggle.com/competitions/{SLUG}/rules" in str(caught.value)
    assert "You must accept this competition's rules" in str(caught.value)
    assert kaggle.names() == ["DownloadDataFiles"]


@pytest.mark.fault("Kaggle", "unknown competition (404)", "reported, with the parameter to correct")
def test_raises_input_error_for_an_unknown_competition(kaggle: FakeKaggle, target: Path):
    kaggle.fail("DownloadDataFiles", 404)
    with pytest.raises(InputError, match="no competition 'no-such-thing'"):
        download_competition("no-such-thing", target)
    assert kaggle.pauses == []


@pytest.mark.fault(
    "Kaggle", "429 Too Many Requests with Retry-After", "waits as long as requested, then continues"
)
@pytest.mark.parametrize("as_date", [False, True])
def test_waits_as_long_as_retry_after_says(as_date: bool, kaggle: FakeKaggle, target: Path):
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=200), usegmt=True)
    kaggle.fail("DownloadDataFiles", 429, times=1, Retry_After=date if as_date else "137")
    download_competition(SLUG, target)
    assert target.read_bytes() == kaggle.archive
    (pause,) = kaggle.pauses
    assert pause >= 137


@pytest.mark.fault(
    "Kaggle",
    "Retry-After of an hour (429, 503)",
    "reported at once, with the time to run again",
)
@pytest.mark.parametrize(("status", "words"), [(429, "too many requests"), (503, "server failed")])
def test_raises_input_error_for_a_long_retry_after(
    status: int, words: str, kaggle: FakeKaggle, target: Path
):
    kaggle.fail("DownloadDataFiles", status, Retry_After="3600")
    with pytest.raises(InputError, match=rf"{words} \({status}\); run again in 60 min"):
        download_competition(SLUG, target)
    assert kaggle.pauses == []


@pytest.mark.fault("Kaggle", "5xx", REPEATED)
def test_retries_after_two_server_errors(
    kaggle: FakeKaggle, target: Path, caplog: pytest.LogCaptureFixture
):
    kaggle.fail("DownloadDataFiles", 503, times=2)
    download_competition(SLUG, target)
    assert target.read_bytes() == kaggle.archive
    assert len(kaggle.pauses) == 2
    assert "503; attempt 3 of 5" in caplog.text


@pytest.mark.fault("Kaggle", "5xx", REPEATED)
def test_raises_input_error_after_five_server_errors(kaggle: FakeKaggle, target: Path):
    kaggle.fail("DownloadDataFiles", 502)
    with pytest.raises(InputError, match=r"server failed \(502\)"):
        download_competition(SLUG, target)
    assert len(set(kaggle.pauses)) == kaggle_session._ATTEMPTS - 1  # random ones, no two alike
    assert all(0 <= pause <= 2**number for number, pause in enumerate(kaggle.pauses))


@pytest.mark.fault("Kaggle", "connection reset", REPEATED)
@pytest.mark.parametrize("name", ["IntrospectToken", "DownloadDataFiles", "Archive"])
def test_retries_after_a_broken_connection(name: str, kaggle: FakeKaggle, target: Path):
    kaggle.fail(name, None, times=1)
    download_competition(SLUG, target)
    assert target.read_bytes() == kaggle.archive
    assert len(kaggle.pauses) == 1


@pytest.mark.fault("Kaggle", "Kaggle cannot be reached", REPEATED)
def test_raises_input_error_for_an_unreachable_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, target: Path
):
    with fake_kaggle(monkeypatch, tmp_path) as gone:
        pauses: list[float] = []
        with socket.socket() as unheard:
            unheard.bind(("127.0.0.1", 0))  # bound, but not listening: refuses
            address = f"http://127.0.0.1:{unheard.getsockname()[1]}"
            redirect(monkeypatch, address, tmp_path / "home", pauses.append)
            with pytest.raises(InputError, match=r"connection to Kaggle failed.*online") as caught:
                download_competition(SLUG, target)
    assert gone.requests == []
    assert "127.0.0.1" not in str(caught.value)
    assert len(pauses) == kaggle_session._ATTEMPTS - 1


@pytest.mark.fault("Kaggle", "Kaggle never responds", REPEATED)
def test_raises_input_error_for_a_server_that_never_responds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kaggle: FakeKaggle, target: Path
):
    monkeypatch.setattr(kaggle_transfer, "_TIME_LIMITS", (0.05, 0.05))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        redirect(monkeypatch, address, tmp_path / "home", kaggle.pauses.append)
        with pytest.raises(InputError, match="did not respond in time"):
            download_competition(SLUG, target)
    assert len(kaggle.pauses) == kaggle_session._ATTEMPTS - 1


@given(st.text(st.characters(min_codepoint=32, max_codepoint=255)) | st.floats().map(str))
def test_retry_after_is_at_most_a_day(header: str):
    response = requests.Response()
    response.status_code = 503
    response.headers["Retry-After"] = header
    assert 0 <= kaggle_session._retry_after(requests.HTTPError(response=response)) <= 86_400
