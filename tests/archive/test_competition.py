import io
import stat
import struct
import warnings
import zipfile

import numpy as np
import pytest

from facial_keypoints.archive import zips
from facial_keypoints.archive.competition import MEMBERS, CompetitionArchive
from facial_keypoints.errors import InputError


def rejection(path):
    """Return the message for a rejected archive: one line that starts with the file."""
    with pytest.raises(InputError) as error:
        CompetitionArchive(path).check()
    message = str(error.value)
    assert path.name in message.split(": ", maxsplit=1)[0]
    assert "\n" not in message
    return message


def inner_zip(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as inner:
        for name, data in members.items():
            inner.writestr(name, data)
    return buffer.getvalue()


def member(name, mode=None):
    info = zipfile.ZipInfo(name)
    if mode is not None:
        info.create_system = 3  # Unix
        info.external_attr = mode << 16
    return info


def test_sound_archive_passes_and_its_tables_are_readable(archive_path):
    archive = CompetitionArchive(archive_path)
    archive.check()
    for name, start in {
        "training.csv": b"left_eye_center_x,",
        "test.csv": b"ImageId,Image",
        "IdLookupTable.csv": b"RowId,",
        "SampleSubmission.csv": b"RowId,Location",
    }.items():
        with archive.open(name) as stream:
            assert stream.read().startswith(start)


def test_unknown_harmless_members_are_ignored(tmp_path, make_archive):
    path = make_archive(tmp_path / "a.zip", **{"README.txt": b"hello", "folder/file.txt": b"x"})
    CompetitionArchive(path).check()


def test_raises_input_error_for_a_missing_file_or_a_folder(tmp_path):
    assert "file not found" in rejection(tmp_path / "nowhere.zip")
    assert "is a folder" in rejection(tmp_path)


@pytest.mark.fault(
    "Archives", "A sign-in page, nothing or noise instead of the zip", "rejected: download it again"
)
@pytest.mark.parametrize(
    "content",
    [b"", b"<html>Sign in to Kaggle</html>", b"PK\x03\x04" + bytes(500), bytes(22)],
    ids=["empty", "page", "start of a zip", "zeros"],
)
def test_raises_input_error_for_a_file_that_is_not_a_zip(tmp_path, content):
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    assert "not a valid zip file" in rejection(path)


@pytest.mark.fault("Archives", "Truncated at any byte", "rejected: download it again")
@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9, 0.999])
def test_raises_input_error_for_a_truncated_archive(tmp_path, make_archive, fraction):
    noise = np.random.default_rng(0).bytes(200_000)
    path = make_archive(tmp_path / "a.zip", noise=noise)
    CompetitionArchive(path).check()
    path.write_bytes(path.read_bytes()[: int(fraction * path.stat().st_size)])
    message = rejection(path)
    assert "truncated" in message
    assert "download it again" in message


@pytest.mark.fault(
    "Archives",
    "Another zip, or one that lacks a member",
    "rejected with what it lacks and contains",
)
def test_raises_input_error_with_the_contents_of_another_zip(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(inner_zip(**{"holiday.jpg": b"x"}))
    message = rejection(path)
    assert "it lacks training.zip, test.zip" in message
    assert "contains holiday.jpg" in message
    path.write_bytes(inner_zip())
    assert "(it contains nothing)" in rejection(path)


@pytest.mark.fault(
    "Archives",
    "Another zip, or one that lacks a member",
    "rejected with what it lacks and contains",
)
@pytest.mark.parametrize("name", MEMBERS)
def test_raises_input_error_that_names_a_missing_member(tmp_path, make_archive, name):
    assert f"it lacks {name} (" in rejection(make_archive(tmp_path / "a.zip", **{name: None}))


@pytest.mark.fault(
    "Archives",
    "Another zip, or one that lacks a member",
    "rejected with what it lacks and contains",
)
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no zip", "not a valid zip file"),
        (b"", "not a valid zip file"),
        (inner_zip(), "training.zip contains nothing, not training.csv"),
        (inner_zip(**{"test.csv": b"x"}), "training.zip contains test.csv, not training.csv"),
        (inner_zip(**{"training.csv": b"x" * 999})[:80], "not a valid zip file"),
        (inner_zip(**{"training.csv": b"x", "../up.txt": b"x"}), "'../up.txt' points outside"),
    ],
    ids=["text", "nothing", "no members", "another table", "truncated", "points outside"],
)
def test_raises_input_error_for_an_invalid_inner_zip(tmp_path, make_archive, content, message):
    assert message in rejection(make_archive(tmp_path / "a.zip", **{"training.zip": content}))


@pytest.mark.fault(
    "Archives", "Bytes flipped, cut, inserted or swapped at random", "rejected, or the same tables"
)
@pytest.mark.parametrize("outer_checksum_fails", [False, True])
@pytest.mark.parametrize("fraction", [0.01, 0.2, 0.5, 0.8, 0.99])
def test_raises_input_error_for_a_flipped_byte_in_a_table(
    tmp_path, make_archive, fraction, outer_checksum_fails
):
    """Corrupt after packing (outer checksum) or before (inner checksum)."""
    training = inner_zip(**{"training.csv": np.random.default_rng(0).bytes(3000).hex()})
    corrupted = bytearray(training)
    table = 30 + len("training.csv")
    corrupted[table + int(fraction * (len(training) - table - 80))] ^= 0xFF
    if outer_checksum_fails:
        path = make_archive(tmp_path / "a.zip", **{"training.zip": training})
        content = path.read_bytes()
        assert content.count(training) == 1
        path.write_bytes(content.replace(training, corrupted))
    else:
        path = make_archive(tmp_path / "a.zip", **{"training.zip": bytes(corrupted)})
    assert "download it again" in rejection(path)


@pytest.mark.fault(
    "Archives",
    "Members that point outside: .., absolute, drive letters, backslashes, links",
    "rejected by name",
)
@pytest.mark.parametrize(
    "name",
    [
        "../outside.txt",
        "a/../../outside.txt",
        "..\\outside.txt",
        "/etc/outside.txt",
        "\\outside.txt",
        "C:\\outside.txt",
        "C:outside.txt",
        "file.txt:stream",
    ],
)
def test_raises_input_error_for_a_member_that_points_outside(tmp_path, make_archive, name):
    path = make_archive(tmp_path / "a.zip", **{name: b"x"})
    assert "points outside" in rejection(path)


@pytest.mark.fault(
    "Archives",
    "Members that point outside: .., absolute, drive letters, backslashes, links",
    "rejected by name",
)
def test_raises_input_error_for_a_symbolic_link(archive_path):
    with zipfile.ZipFile(archive_path, "a") as outer:
        outer.writestr(member("link", stat.S_IFLNK | 0o777), "/etc/passwd")
    assert "'link' points outside" in rejection(archive_path)


@pytest.mark.fault(
    "Archives", "A repeated member, also by case, dot, backslash or folder", "rejected"
)
def test_raises_input_error_for_a_repeated_member(archive_path):
    with zipfile.ZipFile(archive_path, "a") as outer, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        outer.writestr("test.zip", b"another")
    assert "contains 'test.zip' twice" in rejection(archive_path)


@pytest.mark.fault(
    "Archives",
    "Zip bombs: extreme sizes, members, ratios, methods or lines",
    "rejected in little memory, before anything is written",
)
@pytest.mark.parametrize("inner", [False, True])
def test_zip_bomb_is_rejected_before_it_is_unpacked(
    tmp_path, make_archive, make_table, monkeypatch, inner
):
    blown = make_table(["ImageId", "Image"], [[1, "7 " * 10_000]] * 15)
    path = make_archive(tmp_path / "a.zip", test=blown if inner else None)
    if not inner:
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as outer:
            outer.writestr("zeros", blown)
    CompetitionArchive(path).check()

    def unpacked(_):
        raise AssertionError("was unpacked")

    monkeypatch.setattr(zips, "_MAX_BYTES", 250_000)
    if not inner:
        monkeypatch.setattr(zipfile.ZipFile, "testzip", unpacked)
    assert "would unpack to" in rejection(path)


@pytest.mark.fault(
    "Archives",
    "Zip bombs: extreme sizes, members, ratios, methods or lines",
    "rejected in little memory, before anything is written",
)
def test_declared_sizes_are_enough_to_reject(archive_path):
    content = bytearray(archive_path.read_bytes())
    entry = content.rfind(b"PK\x01\x02")  # the last member of the directory
    assert entry > 0
    for _ in range(3):  # three members that declare nearly 4 GiB each
        content[entry + 24 : entry + 28] = struct.pack("<I", 0xFFFFFFF0)
        entry = content.rfind(b"PK\x01\x02", 0, entry)
    archive_path.write_bytes(content)
    assert "would unpack to 12.0 GiB, more than 1 GiB" in rejection(archive_path)


@pytest.mark.fault(
    "Archives", "Encrypted, or compressed by an unknown method", "rejected with the reason"
)
def test_raises_input_error_for_an_encrypted_member(archive_path):
    content = bytearray(archive_path.read_bytes())
    for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        content[content.rfind(mark) + offset] |= 1
    archive_path.write_bytes(content)
    assert "encrypted" in rejection(archive_path)


@pytest.mark.fault(
    "Archives", "Encrypted, or compressed by an unknown method", "rejected with the reason"
)
def test_raises_input_error_for_an_unknown_compression_method(archive_path):
    content = bytearray(archive_path.read_bytes())
    for mark, offset in ((b"PK\x01\x02", 10), (b"PK\x03\x04", 8)):
        content[content.rfind(mark) + offset] = 77
    archive_path.write_bytes(content)
    assert "uses a compression method other than deflate" in rejection(archive_path)


@pytest.mark.fault(
    "Archives", "Corrupt or missing after the check", "reported by the node that reads it"
)
def test_opening_a_table_reports_corruption_after_the_check(tmp_path, make_archive):
    path = make_archive(tmp_path / "a.zip")
    archive = CompetitionArchive(path)
    archive.check()
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match="is truncated"), archive.open("test.csv"):
        pytest.fail("opened a corrupt archive")
    path.unlink()
    with (
        pytest.raises(InputError, match=r"a\.zip: file not found; run: .*--pipeline=download"),
        archive.open("test.csv"),
    ):
        pytest.fail("opened a missing archive")


@pytest.mark.fault(
    "Archives", "Corrupt or missing after the check", "reported by the node that reads it"
)
def test_reading_a_table_reports_corruption(tmp_path, make_archive):
    corrupted = bytearray(inner_zip(**{"training.csv": bytes(range(256)) * 4000}))
    corrupted[2000] ^= 0xFF
    path = make_archive(tmp_path / "a.zip", **{"training.zip": bytes(corrupted)})
    with pytest.raises(InputError, match=r"a\.zip: not a valid zip"):  # noqa: SIM117
        with CompetitionArchive(path).open("training.csv") as stream:
            stream.read()


def test_errors_of_the_caller_are_not_converted(archive_path):
    with (
        pytest.raises(ValueError, match="mine"),
        CompetitionArchive(archive_path).open("test.csv"),
    ):
        raise ValueError("mine")
