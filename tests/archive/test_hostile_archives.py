"""Malicious archives, and archives corrupted at random."""

import io
import random
import re
import struct
import tracemalloc
import warnings
import zipfile
import zlib
from contextlib import contextmanager

import pytest
from archives import read_tables
from fuzzing import count_outcomes
from hypothesis import strategies as st
from parameters import section

from facial_keypoints.archive.competition import CompetitionArchive
from facial_keypoints.errors import InputError
from facial_keypoints.parameters import DownloadParameters
from facial_keypoints.pipelines.download.nodes import download_archive


def everything(folder):
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {path: path.read_bytes() for path in files}


def rejection(path):
    """The message with which the download node rejects an archive; nothing is written."""
    download = section(DownloadParameters, source="archive", archive=path)
    before = everything(path.parent)
    with pytest.raises(InputError) as caught:
        download_archive(download, CompetitionArchive(path.parent / "raw" / "competition.zip"))
    message = str(caught.value)
    assert "\n" not in message
    assert message.isprintable()
    assert len(message) < 1000
    assert everything(path.parent) == before
    return message


@contextmanager
def little_memory(most=24 * 2**20):
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


def zip_of(members, method=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a name twice
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def repacked(path, method):
    """Pack the same archive with compressed members."""
    with zipfile.ZipFile(path) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    path.write_bytes(zip_of(members, method))
    return path


# Bombs


def quoted_overlap(members, size):
    """A zip of a few KB whose members fraction one compressed kernel of ``size`` zeros.

    Each starts with a stored block that quotes the header of the next, and continues into it.
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = packer.compress(bytes(size)) + packer.flush()
    crc = zlib.crc32(bytes(size))
    local, directory = b"", []
    for i in range(members):
        name = b"%03d" % i if i else b"training.csv"
        if local:
            header = local[: len(local) - len(data)]
            length = len(header)
            data = b"\0" + struct.pack("<HH", length, length ^ 0xFFFF) + local
            size += length
            crc = 0  # unused for the others
        sizes = (crc, len(data), size, len(name), 0)
        fields = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, *sizes)
        local = b"PK\x03\x04" + fields + name + data
        directory.append((fields, name, len(local)))
    entries = b"".join(
        b"PK\x01\x02\x14\0" + fields + bytes(10) + struct.pack("<I", len(local) - place) + name
        for fields, name, place in directory
    )
    end = struct.pack("<HHHHIIH", 0, 0, members, members, len(entries), len(local), 0)
    return local + entries + b"PK\x05\x06" + end


BOMB = "Zip bombs: extreme sizes, members, ratios, methods or lines"
BOMB_OUTCOME = "rejected in little memory, before anything is written"


@pytest.mark.fault("Archives", BOMB, BOMB_OUTCOME)
def test_overlapping_members_count_in_full(tmp_path, make_archive):
    bomb = quoted_overlap(20, 64 * 2**20)
    assert len(bomb) < 100_000
    with zipfile.ZipFile(io.BytesIO(bomb)) as overlapping:
        assert sum(member.file_size for member in overlapping.infolist()) > 2**30
    path = make_archive(tmp_path / "a.zip", **{"training.zip": bomb})
    with little_memory():
        assert "would unpack to 1.3 GiB, more than 1 GiB" in rejection(path)


@pytest.mark.fault("Archives", BOMB, BOMB_OUTCOME)
@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("declared", ["true", "false"])
def test_raises_input_error_for_a_method_that_unpacks_gigabytes_in_one_step(
    tmp_path, make_archive, method, declared
):
    inner = bytearray(zip_of([("training.csv", bytes(100 * 2**20))], method))
    if declared == "false":
        entry = inner.rfind(b"PK\x01\x02")
        inner[entry + 24 : entry + 28] = struct.pack("<I", 1000)
    path = make_archive(tmp_path / "a.zip", **{"training.zip": bytes(inner)})
    with little_memory():
        assert "'training.csv' uses a compression method other" in rejection(path)


@pytest.mark.fault("Archives", BOMB, BOMB_OUTCOME)
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_wrong_declared_size_is_found_by_the_checksum(tmp_path, make_archive, method):
    inner = bytearray(zip_of([("training.csv", bytes(100 * 2**20))]))
    entry = inner.rfind(b"PK\x01\x02")
    inner[entry + 24 : entry + 28] = struct.pack("<I", 1000)
    path = repacked(make_archive(tmp_path / "a.zip", **{"training.zip": bytes(inner)}), method)
    with little_memory():
        assert "training.csv' is corrupt (wrong checksum)" in rejection(path)


@pytest.mark.fault("Archives", BOMB, BOMB_OUTCOME)
@pytest.mark.parametrize(
    ("blown", "message"),
    [
        (bytes(100 * 2**20), "training.csv, header: not valid CSV (a line of more than"),
        (b"7 " * (50 * 2**20), "training.csv, header: not valid CSV (a line of more than"),
        (b"7," * (50 * 2**20), "training.csv, header: not valid CSV (a line of more than"),
        (b"\n" * 2**20, "training.csv, header: not valid CSV (more than 100,000 blank"),
    ],
    ids=["zeros", "one cell", "one line", "blank lines"],
)
def test_huge_table_is_rejected_in_little_memory(tmp_path, make_archive, blown, message):
    path = repacked(make_archive(tmp_path / "a.zip", training=blown), zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 10_000
    with little_memory():
        assert message in rejection(path)


@pytest.mark.fault("Archives", BOMB, BOMB_OUTCOME)
@pytest.mark.parametrize(
    ("count", "message"), [(40, "it contains 41 files"), (60_000, "member list is too long")]
)
def test_raises_input_error_for_too_many_members(tmp_path, make_archive, count, message):
    names = [f"{i:05}-{'x' * 40}" for i in range(count)]
    inner = zip_of([("training.csv", b"x"), *((name, b"") for name in names)])
    path = make_archive(tmp_path / "a.zip", **{"training.zip": inner})
    with little_memory():
        assert message in rejection(path)


@pytest.mark.fault("Archives", BOMB, BOMB_OUTCOME)
def test_unpacked_limit_grows_with_the_file_up_to_a_bound(tmp_path, make_archive):
    """A large synthetic competition is not a bomb: its bytes are on disk."""
    path = make_archive(tmp_path / "a.zip")
    with path.open("r+b") as file:
        content = bytearray(file.read())
        entry = content.rfind(b"PK\x01\x02")
        content[entry + 24 : entry + 28] = struct.pack("<I", 3 * 2**30)
        file.seek(2**28)  # a sparse file
        file.write(content)
    CompetitionArchive(path).check()
    with path.open("r+b") as file:
        file.truncate(0)
        file.write(content)
    assert "would unpack to 3.0 GiB, more than 1 GiB" in rejection(path)


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, pytest.param(zipfile.ZIP_DEFLATED, marks=pytest.mark.slow)]
)
def test_archive_of_kaggles_size_passes(tmp_path, make_archive, method):
    """The zip module skips in pieces of 16 MiB, which small archives do not have."""
    noise = random.Random(0).randbytes(40 * 2**20)  # noqa: S311
    inner = zip_of(
        [
            ("noise", noise),
            ("training.csv", read_tables(make_archive(tmp_path / "a.zip"))["training.csv"]),
        ]
    )
    path = repacked(make_archive(tmp_path / "a.zip", **{"training.zip": inner}), method)
    CompetitionArchive(path).check()


# Odd members


@pytest.mark.fault("Archives", "Zips within zips instead of a table", "rejected by name")
@pytest.mark.parametrize("name", ["training.csv", "test.csv"])
def test_raises_input_error_for_a_zip_instead_of_a_table(tmp_path, make_archive, name):
    nested = zip_of([("a.zip", zip_of([(name, b"x")]))])
    path = make_archive(tmp_path / "a.zip", **{name.removesuffix(".csv"): nested})
    assert f"{name}: is not UTF-8 text" in rejection(path)


@pytest.mark.fault("Archives", "Additional zips", "ignored")
def test_additional_zips_are_ignored(tmp_path, make_archive, archive_path):
    path = make_archive(tmp_path / "a.zip", **{"more.zip": zip_of([("../up", b"x")])})
    assert read_tables(path) == read_tables(archive_path)


@pytest.mark.fault(
    "Archives", "A repeated member, also by case, dot, backslash or folder", "rejected"
)
@pytest.mark.parametrize(
    "name", ["test.zip", "TEST.zip", "./test.zip", ".\\test.zip", "test.zip/", "Idlookuptable.CSV"]
)
def test_raises_input_error_for_one_member_under_two_names(tmp_path, make_archive, name):
    path = make_archive(tmp_path / "a.zip")
    with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        archive.writestr(name, b"")
    assert re.search(r"contains '.*' twice", rejection(path))


@pytest.mark.fault("Archives", "A folder named like a member", "rejected: it lacks the member")
@pytest.mark.parametrize("name", ["training.zip", "IdLookupTable.csv"])
def test_folder_named_like_a_member_does_not_count(tmp_path, make_archive, name):
    path = make_archive(tmp_path / "a.zip", **{name: None, f"{name}/": b""})
    table = name.replace(".zip", ".csv")
    assert f"lacks {table} (it contains" in rejection(path)


@pytest.mark.fault("Archives", "Member names in other encodings", "read, or rejected on one line")
@pytest.mark.parametrize(
    ("name", "flags", "message"),
    [
        (b"caf\xe9.txt", 0, None),
        (b"caf\xc3\xa9.txt", 0x800, None),
        (b"caf\xe9.txt", 0x800, "not a valid zip file"),
        (b"\x1b[31m/../\n", 0, r"'\x1b[31m/../\n' points outside"),
        (b"test.zip\0.txt", 0, "contains 'test.zip' twice"),
        (b"../" + b"x" * 60_000, 0, "xxx...' points outside"),
    ],
)
def test_member_names_in_other_encodings(
    tmp_path, make_archive, archive_path, name, flags, message
):
    placeholder = "n" * len(name)
    path = make_archive(tmp_path / "a.zip", **{placeholder: b"x"})
    content = path.read_bytes().replace(placeholder.encode(), name)
    content = bytearray(content)
    for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        at = content.rfind(mark) + offset
        content[at : at + 2] = struct.pack("<H", flags)
    path.write_bytes(content)
    if message is None:
        assert read_tables(path) == read_tables(archive_path)
    else:
        assert message in rejection(path)


# Random corruption


@pytest.mark.fault("Archives", "Bytes before or after the zip", "read correctly")
@pytest.mark.parametrize(("before", "after"), [(b"junk", b""), (b"", b"junk"), (b"\0" * 999, b"x")])
def test_bytes_around_the_zip_are_ignored(tmp_path, make_archive, before, after):
    path = make_archive(tmp_path / "a.zip")
    right = read_tables(path)
    path.write_bytes(before + path.read_bytes() + after)
    assert read_tables(path) == right


@pytest.mark.fault("Archives", "Truncated at any byte", "rejected: download it again")
def test_archive_truncated_at_any_byte_is_rejected(tmp_path, make_archive):
    path = make_archive(tmp_path / "a.zip")
    content = path.read_bytes()
    for size in range(len(content)):
        path.write_bytes(content[:size])
        with pytest.raises(InputError, match="download it again"):
            CompetitionArchive(path).check()


place = st.integers(0, 2**13)
FIELDS = [0, 1, 8, 9, 12, 99, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF]


def corrupted(data, corruptions):
    for corruption in corruptions:
        data = corrupted_once(data, *corruption)
    return data


def corrupted_once(data, kind, first, second, value):
    start, end = sorted((first % (len(data) + 1), second % (len(data) + 1)))
    headers = [at for at in range(len(data)) if data[at : at + 2] == b"PK"] or [0]
    field = headers[second % len(headers)] + first % 46
    return {
        "flip": lambda: data[:start] + bytes([value % 256]) + data[start + 1 :],
        "header": lambda: data[:field] + struct.pack("<H", value) + data[field + 2 :],
        "cut": lambda: data[:start],
        "behead": lambda: data[start:],
        "delete": lambda: data[:start] + data[end:],
        "insert": lambda: data[:start] + struct.pack("<H", value) + data[start:],
        "repeat": lambda: data[:end] + data[start:],
        "swap": lambda: data[end:] + data[start:end] + data[:start],
        "zeros": lambda: data[:start] + bytes(end - start) + data[end:],
    }[kind]()


KINDS = [
    *("flip", "flip", "header", "header", "insert", "delete", "zeros"),
    *("cut", "behead", "repeat", "swap"),
]
corruption = st.lists(
    st.tuples(
        st.sampled_from(KINDS), place, place, st.sampled_from(FIELDS) | st.integers(0, 0xFFFF)
    ),
    min_size=1,
    max_size=3,
)


@pytest.mark.fault(
    "Archives", "Bytes flipped, cut, inserted or swapped at random", "rejected, or the same tables"
)
@pytest.mark.parametrize("examples", [300, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("inner", [False, True])
def test_corrupted_archive_gives_the_same_tables_or_is_rejected(
    tmp_path, make_archive, examples, inner, record_property
):
    path = make_archive(tmp_path / "a.zip")
    right = read_tables(path)
    with zipfile.ZipFile(path) as archive:
        training = archive.read("training.zip")
    whole = path.read_bytes()

    def outcome_of(corruptions):
        if inner:  # corrupted before packing: the outer checksum is correct
            make_archive(path, **{"training.zip": corrupted(training, corruptions)})
        else:
            path.write_bytes(corrupted(whole, corruptions))
        try:
            found = read_tables(path)
        except InputError as error:
            assert str(path.name) in str(error)  # noqa: PT017
            return "rejected"
        assert found == right
        return "the same tables"

    count_outcomes(
        outcome_of, corruption, examples, record_property, {"rejected", "the same tables"}
    )
