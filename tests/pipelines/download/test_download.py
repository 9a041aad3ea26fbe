import os

import pytest

from facial_keypoints.archive.competition import CompetitionArchive
from facial_keypoints.errors import InputError
from facial_keypoints.parameters import DownloadParameters, SyntheticParameters
from facial_keypoints.pipelines.download import nodes
from facial_keypoints.pipelines.download.nodes import (
    KaggleSource,
    LocalSource,
    SyntheticSource,
    choose_archive_source,
    find_answer_key,
)

DRAWN = {"train_faces": 20, "test_faces": 4, "seed": 3}


def test_each_source_by_its_name(archive_path):
    assert choose_archive_source(DownloadParameters()) == KaggleSource("facial-keypoints-detection")
    assert choose_archive_source(
        DownloadParameters(source="synthetic", synthetic=DRAWN)
    ) == SyntheticSource(SyntheticParameters(**DRAWN))
    local = DownloadParameters(source="archive", archive=archive_path)
    assert choose_archive_source(local) == LocalSource(archive_path)


def test_a_local_archive_is_checked_before_anything_else(tmp_path, archive_path):
    for path, said in (
        (tmp_path / "nowhere.zip", "there is no such file"),
        (tmp_path, "is a folder"),
    ):
        with pytest.raises(InputError, match=said):
            choose_archive_source(DownloadParameters(source="archive", archive=path))
    archive_path.write_bytes(archive_path.read_bytes()[:-9])
    with pytest.raises(InputError, match=r"competition\.zip: not a sound zip"):
        choose_archive_source(DownloadParameters(source="archive", archive=archive_path))


def test_a_local_archive_is_copied_and_left_alone(tmp_path, archive_path):
    before = archive_path.read_bytes()
    LocalSource(archive_path).fetch(tmp_path / "copy.zip")
    assert (tmp_path / "copy.zip").read_bytes() == archive_path.read_bytes() == before


def test_the_fingerprint_of_a_local_archive_changes_with_it(tmp_path, archive_path, make_archive):
    first = LocalSource(archive_path).fingerprint
    assert LocalSource(archive_path).fingerprint == first
    os.utime(archive_path, ns=(1, 1))
    touched = LocalSource(archive_path).fingerprint
    other = LocalSource(make_archive(tmp_path / "other.zip")).fingerprint
    assert len({first, touched, other}) == 3


def test_the_fingerprint_of_the_drawn_competition_tells_all_it_depends_on():
    prints = {
        SyntheticSource(SyntheticParameters(**{**DRAWN, **change})).fingerprint
        for change in ({}, {"seed": 4}, {"train_faces": 21}, {"test_faces": 5})
    }
    assert len(prints) == 4
    assert SyntheticSource(SyntheticParameters(**DRAWN)).fingerprint in prints


def test_each_source_says_what_fetching_does(archive_path):
    told = [
        KaggleSource("a-competition").description,
        LocalSource(archive_path).description,
        SyntheticSource(SyntheticParameters(train_faces=1000, test_faces=500)).description,
    ]
    assert "a-competition" in told[0]
    assert str(archive_path) in told[1]
    assert "1,500 faces" in told[2]


def test_kaggle_is_asked_for_the_competition_of_the_parameters(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(nodes, "download_competition", lambda *given: asked.append(given))
    source = choose_archive_source(DownloadParameters(competition="another-one"))
    source.fetch(tmp_path / "a.zip")
    assert asked == [("another-one", tmp_path / "a.zip")]
    assert source.fingerprint == "kaggle:another-one"


def test_the_drawn_archive_is_sound_and_has_a_key_for_every_row(tmp_path):
    download = DownloadParameters(source="synthetic", synthetic=DRAWN)
    choose_archive_source(download).fetch(tmp_path / "drawn.zip")
    archive = CompetitionArchive(tmp_path / "drawn.zip")
    archive.check()
    with archive.open("IdLookupTable.csv") as stream:
        asked = [line.split(b",")[0] for line in stream.read().splitlines()[1:]]
    key = find_answer_key(download, archive)
    assert list(key.columns) == ["RowId", "Location"]
    assert key["RowId"].tolist() == [int(row) for row in asked]
    assert key["Location"].between(0, 96).all()


@pytest.mark.parametrize("source", ["kaggle", "archive"])
def test_only_the_drawn_competition_has_a_key(source, archive_path):
    key = find_answer_key(
        DownloadParameters(source=source, archive=archive_path), CompetitionArchive(archive_path)
    )
    assert key.empty
    assert list(key.columns) == ["RowId", "Location"]
