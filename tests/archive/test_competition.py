import io
import stat
import struct
import warnings
import zipfile

import numpy as np
import pytest

from facial_keypoints.archive import competition as archive_module
from facial_keypoints.archive.competition import MEMBERS, CompetitionArchive
from facial_keypoints.errors import InputError


def refusal(path):
    """The one message of a refused archive: it begins with the file and is one line."""
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


def test_a_sound_archive_passes_and_its_tables_can_be_read(archive_path):
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


def test_unknown_harmless_members_do_not_matter(tmp_path, make_archive):
    path = make_archive(tmp_path / "a.zip", **{"README.txt": b"hello", "folder/file.txt": b"x"})
    CompetitionArchive(path).check()


def test_missing_file_is_told(tmp_path):
    assert "file not found" in refusal(tmp_path / "nowhere.zip")
    assert "is a folder" in refusal(tmp_path)


@pytest.mark.fault(
    "Archives", "A sign-in page, nothing or noise in place of the zip", "refused: download it again"
)
@pytest.mark.parametrize(
    "content",
    [b"", b"<html>Sign in to Kaggle</html>", b"PK\x03\x04" + bytes(500), bytes(22)],
    ids=["empty", "page", "start of a zip", "zeros"],
)
def test_a_file_that_is_no_zip_is_told(tmp_path, content):
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    assert "not a valid zip file" in refusal(path)


@pytest.mark.fault("Archives", "Cut off anywhere", "refused: download it again")
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_archive_is_told(tmp_path, make_archive, share):
    noise = np.random.default_rng(0).bytes(200_000)
    path = make_archive(tmp_path / "a.zip", noise=noise)
    CompetitionArchive(path).check()
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    message = refusal(path)
    assert "truncated" in message
    assert "download it again" in message


@pytest.mark.fault(
    "Archives", "Another zip, or one that lacks a member", "refused with what it lacks and holds"
)
def test_another_zip_is_told_with_what_it_holds(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(inner_zip(**{"holiday.jpg": b"x"}))
    message = refusal(path)
    assert "it lacks training.zip, test.zip" in message
    assert "contains holiday.jpg" in message
    path.write_bytes(inner_zip())
    assert "(it contains nothing)" in refusal(path)


@pytest.mark.fault(
    "Archives", "Another zip, or one that lacks a member", "refused with what it lacks and holds"
)
@pytest.mark.parametrize("name", MEMBERS)
def test_a_missing_member_is_named(tmp_path, make_archive, name):
    assert f"it lacks {name} (" in refusal(make_archive(tmp_path / "a.zip", **{name: None}))


@pytest.mark.fault(
    "Archives", "Another zip, or one that lacks a member", "refused with what it lacks and holds"
)
@pytest.mark.parametrize(
    ("content", "said"),
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
def test_a_bad_inner_zip_is_told(tmp_path, make_archive, content, said):
    assert said in refusal(make_archive(tmp_path / "a.zip", **{"training.zip": content}))


@pytest.mark.fault(
    "Archives", "Bytes flipped, cut, inserted or swapped at random", "refused, or the same tables"
)
@pytest.mark.parametrize("outer_is_told", [False, True])
@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.8, 0.99])
def test_flipped_bytes_in_a_table_are_found(tmp_path, make_archive, share, outer_is_told):
    """Damaged on the way (the outer checksum tells), or before it was packed (the inner one)."""
    training = inner_zip(**{"training.csv": np.random.default_rng(0).bytes(3000).hex()})
    spoilt = bytearray(training)
    table = 30 + len("training.csv")
    spoilt[table + int(share * (len(training) - table - 80))] ^= 0xFF
    if outer_is_told:
        path = make_archive(tmp_path / "a.zip", **{"training.zip": training})
        content = path.read_bytes()
        assert content.count(training) == 1
        path.write_bytes(content.replace(training, spoilt))
    else:
        path = make_archive(tmp_path / "a.zip", **{"training.zip": bytes(spoilt)})
    assert "download it again" in refusal(path)


@pytest.mark.fault(
    "Archives",
    "Members that lead outside: .., absolute, drive letters, backslashes, links",
    "refused by name",
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
def test_a_member_that_leads_outside_is_refused(tmp_path, make_archive, name):
    path = make_archive(tmp_path / "a.zip", **{name: b"x"})
    assert "points outside" in refusal(path)


@pytest.mark.fault(
    "Archives",
    "Members that lead outside: .., absolute, drive letters, backslashes, links",
    "refused by name",
)
def test_a_symbolic_link_is_refused(archive_path):
    with zipfile.ZipFile(archive_path, "a") as outer:
        outer.writestr(member("link", stat.S_IFLNK | 0o777), "/etc/passwd")
    assert "'link' points outside" in refusal(archive_path)


@pytest.mark.fault(
    "Archives", "One member twice, also by case, dot, backslash or folder", "refused"
)
def test_a_member_that_occurs_twice_is_refused(archive_path):
    with zipfile.ZipFile(archive_path, "a") as outer, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        outer.writestr("test.zip", b"another")
    assert "contains 'test.zip' twice" in refusal(archive_path)


@pytest.mark.fault(
    "Archives",
    "Zip bombs: sizes, members, ratios, methods or lines beyond reason",
    "refused in little memory, before anything is written",
)
@pytest.mark.parametrize("inner", [False, True])
def test_a_bomb_is_refused_before_it_is_unpacked(
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

    monkeypatch.setattr(archive_module, "_MAX_BYTES", 250_000)
    if not inner:
        monkeypatch.setattr(zipfile.ZipFile, "testzip", unpacked)
    assert "would unpack to" in refusal(path)


@pytest.mark.fault(
    "Archives",
    "Zip bombs: sizes, members, ratios, methods or lines beyond reason",
    "refused in little memory, before anything is written",
)
def test_declared_sizes_alone_are_enough_to_refuse(archive_path):
    content = bytearray(archive_path.read_bytes())
    entry = content.rfind(b"PK\x01\x02")  # the last member of the directory
    assert entry > 0
    for _ in range(3):  # three members that claim nearly 4 GiB each
        content[entry + 24 : entry + 28] = struct.pack("<I", 0xFFFFFFF0)
        entry = content.rfind(b"PK\x01\x02", 0, entry)
    archive_path.write_bytes(content)
    assert "would unpack to 12.0 GiB, more than 1 GiB" in refusal(archive_path)


@pytest.mark.fault(
    "Archives", "Encrypted, or compressed by an unknown method", "refused with the reason"
)
def test_an_encrypted_member_is_told(archive_path):
    content = bytearray(archive_path.read_bytes())
    for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        content[content.rfind(mark) + offset] |= 1
    archive_path.write_bytes(content)
    assert "encrypted" in refusal(archive_path)


@pytest.mark.fault(
    "Archives", "Encrypted, or compressed by an unknown method", "refused with the reason"
)
def test_an_unknown_compression_method_is_told(archive_path):
    content = bytearray(archive_path.read_bytes())
    for mark, offset in ((b"PK\x01\x02", 10), (b"PK\x03\x04", 8)):
        content[content.rfind(mark) + offset] = 77
    archive_path.write_bytes(content)
    assert "uses a compression method other than deflate" in refusal(archive_path)


@pytest.mark.fault(
    "Archives", "Damaged or gone after it was checked", "told by the stage that reads it"
)
def test_damage_after_the_check_is_told_when_a_table_is_opened(tmp_path, make_archive):
    path = make_archive(tmp_path / "a.zip")
    archive = CompetitionArchive(path)
    archive.check()
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match="it is truncated"), archive.open("test.csv"):
        pytest.fail("opened a damaged archive")
    path.unlink()
    with (
        pytest.raises(
            InputError, match=r"a\.zip: file not found; download it.*--pipeline=download"
        ),
        archive.open("test.csv"),
    ):
        pytest.fail("opened a missing archive")


@pytest.mark.fault(
    "Archives", "Damaged or gone after it was checked", "told by the stage that reads it"
)
def test_damage_found_while_a_table_is_read_is_told(tmp_path, make_archive):
    damaged = bytearray(inner_zip(**{"training.csv": bytes(range(256)) * 4000}))
    damaged[2000] ^= 0xFF
    path = make_archive(tmp_path / "a.zip", **{"training.zip": bytes(damaged)})
    with pytest.raises(InputError, match=r"a\.zip: not a valid zip"):  # noqa: SIM117
        with CompetitionArchive(path).open("training.csv") as stream:
            stream.read()


def test_an_error_of_the_reader_is_left_as_it_is(archive_path):
    with (
        pytest.raises(ValueError, match="mine"),
        CompetitionArchive(archive_path).open("test.csv"),
    ):
        raise ValueError("mine")
