"""The competition's tables in the layouts in which people have them on their disks."""

import io
import shutil
import tarfile
import zipfile

import pytest
from archives import TABLES, read_tables

from facial_keypoints.archive.competition import CompetitionArchive
from facial_keypoints.archive.layouts import find_tables, pack_tables
from facial_keypoints.errors import InputError


def zipped(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def tables(archive_path):
    return read_tables(archive_path)


@pytest.fixture
def files(archive_path):
    """The four files of Kaggle's zip by name."""
    with zipfile.ZipFile(archive_path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(folder, members):
    for name, content in members.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def below(folder, members):
    return {f"{folder}/{name}": content for name, content in members.items()}


FINDER = {f"__MACOSX/top/._{name}": b"\0\5\x16\7" for name in TABLES} | {"top/.DS_Store": b"x"}

ZIPS = {
    "flat": lambda files, tables: tables,
    "Finder": lambda files, tables: {**below("top", files), **FINDER},
    "Finder, unpacked": lambda files, tables: {**below("top", tables), **FINDER},
    "Explorer": lambda files, tables: (
        {f"top\\{k}": v for k, v in files.items()} | {"top\\Thumbs.db": b"x"}
    ),
    "each table zipped": lambda files, tables: {
        f"{name}.zip": zipped({name: content}) for name, content in tables.items()
    },
    "a zip in a zip": lambda files, tables: {"facial-keypoints-detection.zip": zipped(files)},
    "without SampleSubmission.csv": lambda files, tables: {
        name: content for name, content in tables.items() if name != "SampleSubmission.csv"
    },
}
FOLDERS = {
    "the four files": lambda files, tables: files,
    "unpacked": lambda files, tables: tables,
    "unpacked beside the zips": lambda files, tables: {**files, **tables},
    "unpacked into folders": lambda files, tables: {
        **files,
        "training/training.csv": tables["training.csv"],
        "test/test.csv": tables["test.csv"],
    },
    "Kaggle's notebook": lambda files, tables: below(
        "input/facial-keypoints-detection",
        {
            "training/training.csv": tables["training.csv"],
            "test/test.csv": tables["test.csv"],
            "IdLookupTable.csv": tables["IdLookupTable.csv"],
        },
    ),
    "each table zipped": lambda files, tables: {
        f"{name}.zip": zipped({name: content}) for name, content in tables.items()
    },
    "names of the browser": lambda files, tables: {
        "Training (1).zip": files["training.zip"],
        "test (2).zip": files["test.zip"],
        "idlookuptable.csv": tables["IdLookupTable.csv"],
    },
    "the whole zip": lambda files, tables: {"facial-keypoints-detection.zip": zipped(files)},
}


def assert_packs(given, tables, target):
    pack_tables(find_tables(given), target)
    packed = target
    CompetitionArchive(packed).check()
    for name in TABLES[:3]:
        with CompetitionArchive(packed).open(name) as stream:
            assert stream.read() == tables[name]


@pytest.mark.parametrize("layout", ZIPS)
def test_packs_a_zip(tmp_path, files, tables, layout):
    given = tmp_path / "given.zip"
    given.write_bytes(zipped(ZIPS[layout](files, tables)))
    assert_packs(given, tables, tmp_path / "packed.zip")


@pytest.mark.parametrize("layout", FOLDERS)
def test_packs_a_folder(tmp_path, files, tables, layout):
    given = write(tmp_path / "given", FOLDERS[layout](files, tables))
    assert_packs(given, tables, tmp_path / "packed.zip")


@pytest.mark.parametrize("name", ["training.zip", "IdLookupTable.csv"])
def test_packs_the_folder_of_a_table(tmp_path, files, tables, name):
    given = write(tmp_path / "given", files)
    assert_packs(given / name, tables, tmp_path / "packed.zip")


def test_outermost_tables_count(tmp_path, files, tables):
    old = below("old", dict.fromkeys(tables, b"x"))
    given = write(tmp_path / "given", {**tables, **old})
    assert_packs(given, tables, tmp_path / "packed.zip")


def rejection(given):
    with pytest.raises(InputError) as error:
        find_tables(given)
    message = str(error.value)
    assert message.startswith(str(given.parent))
    assert "\n" not in message
    assert "truncated" not in message
    return message


DATA_PAGE = "https://www.kaggle.com/competitions/facial-keypoints-detection/data"


@pytest.mark.fault("Archives", "Another data set", "named as such")
@pytest.mark.parametrize(
    ("members", "expected"),
    [
        (["face_images.npz", "facial_keypoints.csv"], "landmark points, which has no test images"),
        (["data/training_frames_keypoints.csv", "data/training/a.jpg"], "68 facial keypoints"),
        (["fer2013.csv"], "FER-2013"),
        ([f"img/{i}.jpg" for i in range(40)], "is another data set: it lacks training.csv, test"),
    ],
)
@pytest.mark.parametrize("as_zip", [True, False])
def test_raises_input_error_that_names_another_data_set(tmp_path, members, expected, as_zip):
    given = tmp_path / "given.zip"
    files = dict.fromkeys(members, b"x")
    if as_zip:
        given.write_bytes(zipped(files))
    else:
        write(given, files)
    message = rejection(given)
    assert "is another data set" in message
    assert expected in message
    assert DATA_PAGE in message


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        (
            {"training.csv": b"x", "test.csv": b"x"},
            "lacks IdLookupTable.csv (it contains test.csv,",
        ),
        ({}, "lacks training.csv, test.csv, IdLookupTable.csv (it contains nothing)"),
        ({"training.csv.gz": b"x", "test.csv": b"x"}, "training.csv.gz first (gunzip "),
        ({"data.tar.gz": b"x"}, "data.tar.gz first (tar -xf "),
        ({"a/training.csv": b"x", "b/training.csv": b"x"}, "has training.csv more than once"),
        (
            {"training.csv": b"", "IdLookupTable.csv": b"", "test.zip": zipped({"a.txt": b""})},
            "test.zip: contains a.txt, not test.csv",
        ),
    ],
)
def test_raises_input_error_for_an_incomplete_folder(tmp_path, members, expected):
    given = tmp_path / "given"
    given.mkdir()
    assert expected in rejection(write(given, members))


@pytest.mark.fault("Archives", "Another archive than a zip", "named, with what to do")
@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (b"\x1f\x8b\x08", "is a gzip file, not a zip file; unpack it and give the folder"),
        (b"7z\xbc\xaf\x27\x1c", "is a 7z archive"),
        (b"Rar!\x1a", "is a RAR archive"),
        (bytes(257) + b"ustar", "is a tar archive"),
        (b"<!DOCTYPE html>", "but a web page; sign in to Kaggle"),
    ],
)
def test_raises_input_error_that_names_another_format(tmp_path, start, expected):
    given = tmp_path / "given.zip"
    given.write_bytes(start + bytes(600))
    assert expected in rejection(given)


def test_raises_input_error_with_the_command_that_unpacks_a_tar(tmp_path):
    given = tmp_path / "all.tar.gz"
    with tarfile.open(given, "w:gz"):
        pass
    assert f"unpack it (tar -xf {given}) and give the folder" in rejection(given)


def test_raises_input_error_for_two_whole_zips(tmp_path, archive_path):
    for name in ("a.zip", "b.zip"):
        (tmp_path / "given").mkdir(exist_ok=True)
        shutil.copyfile(archive_path, tmp_path / "given" / name)
    assert "has the tables more than once (a.zip, b.zip)" in rejection(tmp_path / "given")


@pytest.mark.fault("Archives", "Truncated at any byte", "rejected: download it again")
def test_raises_input_error_for_a_truncated_zip(tmp_path, tables):
    given = tmp_path / "given.zip"
    content = zipped(tables)
    given.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="it is truncated; download it again"):
        find_tables(given)


@pytest.mark.fault("Archives", "Truncated at any byte", "rejected: download it again")
def test_raises_input_error_for_a_zip_truncated_after_a_zip_in_it(tmp_path, archive_path):
    content = archive_path.read_bytes()
    end = content.index(b"PK\x05\x06") + 22  # of training.zip, which is stored
    given = tmp_path / "given.zip"
    given.write_bytes(content[:end])
    with pytest.raises(InputError, match="is truncated: download it again"):
        find_tables(given)
