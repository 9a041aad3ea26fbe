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
from hypothesis import given
from hypothesis import strategies as st
from kaggle_stand_in import (
    SLUG,
    KaggleStandIn,
    kaggle_stand_in,
    redirect,
)
from limits import largest_file

from facial_keypoints.errors import InputError
from facial_keypoints.kaggle import session as kaggle_session
from facial_keypoints.kaggle import transfer as kaggle_transfer
from facial_keypoints.kaggle.client import download_competition

CUT = pytest.mark.fault(
    "Kaggle",
    "download cut in the middle",
    "goes on where it was cut, or begins again; a part is never taken for the whole",
)
DISK = "told, with what to do; the earlier archive stays, and no half one"
REPEATED = "repeated at growing, random pauses, five times at most, then told"


@pytest.fixture
def kaggle(kaggle: KaggleStandIn) -> KaggleStandIn:
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


def _left_in(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


# -- download -----------------------------------------------------------------------------


def test_download_is_what_kaggle_serves(kaggle: KaggleStandIn, target: Path):
    download_competition(SLUG, target)
    assert target.read_bytes() == kaggle.archive
    assert _left_in(target) == [target.name]
    assert kaggle.names() == ["DownloadDataFiles", "Archive"]
    assert kaggle.asked[-2].body == {"competitionName": SLUG}
    assert kaggle.pauses == []


def test_download_shows_progress_on_a_terminal(
    kaggle: KaggleStandIn,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    download_competition(SLUG, target)
    shown = capsys.readouterr()
    assert "100%" in shown.err
    assert shown.out == ""


def test_download_shows_nothing_in_a_log_file(
    kaggle: KaggleStandIn, target: Path, capsys: pytest.CaptureFixture[str]
):
    download_competition(SLUG, target)
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "")


@CUT
def test_cut_download_is_resumed(kaggle: KaggleStandIn, target: Path):
    kaggle.cuts = [1_500_000]
    download_competition(SLUG, target)
    assert target.read_bytes() == kaggle.archive
    assert len(kaggle.pauses) == 1
    assert kaggle.asked[-1].headers["Range"] == "bytes=1500000-"
    assert kaggle.served[-1] == len(kaggle.archive) - 1_500_000


@CUT
def test_cut_download_is_repeated_where_it_is_resumed_wrongly(kaggle: KaggleStandIn, target: Path):
    kaggle.cuts, kaggle.wrong_ranges = [1_500_000], 1
    download_competition(SLUG, target)
    assert target.read_bytes() == kaggle.archive
    assert len(kaggle.pauses) == 2


@CUT
def test_cut_download_is_repeated_where_it_cannot_be_resumed(kaggle: KaggleStandIn, target: Path):
    kaggle.ranges, kaggle.cuts = False, [1_100_000, 2_200_000]
    download_competition(SLUG, target)
    assert target.read_bytes() == kaggle.archive
    assert len(kaggle.pauses) == 2


@CUT
def test_download_cut_every_time_is_never_taken_for_whole(kaggle: KaggleStandIn, target: Path):
    kaggle.ranges, kaggle.cuts = False, [1_100_000] * 100
    with pytest.raises(InputError, match=r"Downloading .* connection to Kaggle failed"):
        download_competition(SLUG, target)
    assert _left_in(target) == []
    assert kaggle.names().count("DownloadDataFiles") == kaggle_session._ATTEMPTS


@CUT
def test_what_was_cut_is_not_gone_on_from_with_another_file(
    kaggle: KaggleStandIn, target: Path, monkeypatch: pytest.MonkeyPatch
):
    kaggle.cuts = [1_500_000]

    def serve_another(_: float) -> None:
        kaggle.archive = kaggle.archive[::-1]

    monkeypatch.setattr(kaggle_session, "sleep", serve_another)
    download_competition(SLUG, target)
    assert target.read_bytes() == kaggle.archive == _zip()[::-1]
    assert "Range" not in kaggle.asked[-1].headers


@CUT
def test_download_shorter_than_told_is_never_taken_for_whole(kaggle: KaggleStandIn, target: Path):
    kaggle.length = len(kaggle.archive) + 1
    with pytest.raises(InputError, match="connection to Kaggle failed"):
        download_competition(SLUG, target)
    assert _left_in(target) == []


@pytest.mark.fault("Kaggle", "a byte now and then (slow trickle)", "a time-out: " + REPEATED)
@pytest.mark.parametrize("ranges", [True, False])
def test_trickle_is_a_timeout(
    ranges: bool,
    kaggle: KaggleStandIn,
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
    assert ("Range" in kaggle.asked[-1].headers) == ranges


@pytest.mark.fault("Kaggle", "a byte now and then (slow trickle)", "a time-out: " + REPEATED)
def test_trickle_does_not_last_for_ever(
    kaggle: KaggleStandIn, target: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(kaggle_transfer, "_PACE_SECONDS", 0.1)
    monkeypatch.setattr(kaggle_transfer, "_PACE_BYTES", 300)
    kaggle.trickles = [0] * 100
    with pytest.raises(InputError, match="did not answer in time, or too slowly, 5 times"):
        download_competition(SLUG, target)
    assert _left_in(target) == []


@pytest.mark.fault("Disk", "full disk while downloading", DISK)
def test_full_disk_leaves_the_earlier_file(kaggle: KaggleStandIn, target: Path):
    target.parent.mkdir(parents=True)
    target.write_bytes(b"old")
    with largest_file(1_000_000), pytest.raises(InputError, match=r"cannot be written.*free some"):
        download_competition(SLUG, target)
    assert target.read_bytes() == b"old"
    assert _left_in(target) == [target.name]
    assert kaggle.pauses == []


@pytest.mark.fault("Kaggle", "download fails for good", "the earlier archive stays as it was")
def test_old_file_stays_when_a_download_fails(kaggle: KaggleStandIn, target: Path):
    target.parent.mkdir(parents=True)
    target.write_bytes(b"old")
    kaggle.fail("Archive", 503)
    with pytest.raises(InputError, match=r"out of order \(503\)"):
        download_competition(SLUG, target)
    assert target.read_bytes() == b"old"


@pytest.mark.fault(
    "Kaggle", "a page is served in place of the archive", "refused; nothing is left behind"
)
def test_what_is_no_zip_is_refused(kaggle: KaggleStandIn, target: Path):
    kaggle.extension = "html"
    with pytest.raises(InputError, match="no zip"):
        download_competition(SLUG, target)
    assert _left_in(target) == []


@pytest.mark.fault("Disk", "folder of the archive cannot be written", "told, with what to do")
def test_folder_that_cannot_be_written_is_told(kaggle: KaggleStandIn, tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        download_competition(SLUG, tmp_path / "file" / "archive.zip")


# -- refusals and faults ------------------------------------------------------------------


@pytest.mark.fault("Kaggle", "rules not accepted (403)", "told, with the page to open")
def test_rules_not_accepted(kaggle: KaggleStandIn, target: Path):
    kaggle.fail("DownloadDataFiles", 403, message="You must accept this competition's rules.")
    with pytest.raises(InputError) as caught:
        download_competition(SLUG, target)
    assert f"https://www.kaggle.com/competitions/{SLUG}/rules" in str(caught.value)
    assert "You must accept this competition's rules" in str(caught.value)
    assert kaggle.names() == ["DownloadDataFiles"]


@pytest.mark.fault("Kaggle", "unknown competition (404)", "told, with the parameter to mend")
def test_unknown_competition(kaggle: KaggleStandIn, target: Path):
    kaggle.fail("DownloadDataFiles", 404)
    with pytest.raises(InputError, match="no competition 'no-such-thing'"):
        download_competition("no-such-thing", target)
    assert kaggle.pauses == []


@pytest.mark.fault(
    "Kaggle", "429 Too Many Requests with Retry-After", "waits as long as Kaggle asks, then goes on"
)
@pytest.mark.parametrize("as_date", [False, True])
def test_too_many_requests_waits_as_long_as_kaggle_asks(
    as_date: bool, kaggle: KaggleStandIn, target: Path
):
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=200), usegmt=True)
    kaggle.fail("DownloadDataFiles", 429, times=1, Retry_After=date if as_date else "137")
    download_competition(SLUG, target)
    assert target.read_bytes() == kaggle.archive
    (pause,) = kaggle.pauses
    assert pause >= 137


@pytest.mark.fault(
    "Kaggle",
    "Kaggle asks to come back in an hour (429, 503)",
    "told when to run again, in place of an hour's silence",
)
@pytest.mark.parametrize(
    ("status", "words"), [(429, "asks for fewer requests"), (503, "is out of order")]
)
def test_too_long_a_pause_is_left_to_the_user(
    status: int, words: str, kaggle: KaggleStandIn, target: Path
):
    kaggle.fail("DownloadDataFiles", status, Retry_After="3600")
    with pytest.raises(InputError, match=rf"{words} \({status}\); run again in 60 min"):
        download_competition(SLUG, target)
    assert kaggle.pauses == []


@pytest.mark.fault("Kaggle", "5xx", REPEATED)
def test_two_faults_of_the_server_are_overcome(
    kaggle: KaggleStandIn, target: Path, caplog: pytest.LogCaptureFixture
):
    kaggle.fail("DownloadDataFiles", 503, times=2)
    download_competition(SLUG, target)
    assert target.read_bytes() == kaggle.archive
    assert len(kaggle.pauses) == 2
    assert "503; attempt 3 of 5" in caplog.text


@pytest.mark.fault("Kaggle", "5xx", REPEATED)
def test_faults_of_the_server_are_not_tried_for_ever(kaggle: KaggleStandIn, target: Path):
    kaggle.fail("DownloadDataFiles", 502)
    with pytest.raises(InputError, match=r"out of order \(502\)"):
        download_competition(SLUG, target)
    assert len(set(kaggle.pauses)) == kaggle_session._ATTEMPTS - 1  # random ones, no two alike
    assert all(0 <= pause <= 2**number for number, pause in enumerate(kaggle.pauses))


@pytest.mark.fault("Kaggle", "connection reset", REPEATED)
@pytest.mark.parametrize("name", ["IntrospectToken", "DownloadDataFiles", "Archive"])
def test_broken_connection_is_overcome(name: str, kaggle: KaggleStandIn, target: Path):
    kaggle.fail(name, None, times=1)
    download_competition(SLUG, target)
    assert target.read_bytes() == kaggle.archive
    assert len(kaggle.pauses) == 1


@pytest.mark.fault("Kaggle", "Kaggle cannot be reached", REPEATED)
def test_kaggle_cannot_be_reached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, target: Path):
    with kaggle_stand_in(monkeypatch, tmp_path) as gone:
        pauses: list[float] = []
        with socket.socket() as unheard:
            unheard.bind(("127.0.0.1", 0))  # bound, but not listening: refuses
            address = f"http://127.0.0.1:{unheard.getsockname()[1]}"
            redirect(monkeypatch, address, tmp_path / "home", pauses.append)
            with pytest.raises(InputError, match=r"connection to Kaggle failed.*online") as caught:
                download_competition(SLUG, target)
    assert gone.asked == []
    assert "127.0.0.1" not in str(caught.value)
    assert len(pauses) == kaggle_session._ATTEMPTS - 1


@pytest.mark.fault("Kaggle", "Kaggle never answers", REPEATED)
def test_kaggle_that_never_answers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kaggle: KaggleStandIn, target: Path
):
    monkeypatch.setattr(kaggle_transfer, "_TIME_LIMITS", (0.05, 0.05))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        redirect(monkeypatch, address, tmp_path / "home", kaggle.pauses.append)
        with pytest.raises(InputError, match="did not answer in time"):
            download_competition(SLUG, target)
    assert len(kaggle.pauses) == kaggle_session._ATTEMPTS - 1


@given(st.text(st.characters(min_codepoint=32, max_codepoint=255)) | st.floats().map(str))
def test_any_retry_after_is_a_pause_of_a_day_at_most(asked: str):
    response = requests.Response()
    response.status_code = 503
    response.headers["Retry-After"] = asked
    assert 0 <= kaggle_session._asked_pause(requests.HTTPError(response=response)) <= 86_400
