"""The competition's archive."""

import pytest
from kedro.io import DatasetError

from facial_keypoints.archive.competition import CompetitionArchive
from facial_keypoints.cli import user_message
from facial_keypoints.framework.datasets import (
    ArchiveDataset,
)


def test_archive_is_copied_to_its_path(tmp_path, archive_path):
    dataset = ArchiveDataset(filepath=str(tmp_path / "raw" / "competition.zip"))
    assert not dataset.exists()
    dataset.save(CompetitionArchive(archive_path))
    assert dataset.exists()
    dataset.save(dataset.load())
    assert dataset.load() == CompetitionArchive(tmp_path / "raw" / "competition.zip")
    assert dataset.load().path.read_bytes() == archive_path.read_bytes()
    assert [path.name for path in (tmp_path / "raw").iterdir()] == ["competition.zip"]


def test_raises_input_error_for_an_archive_that_cannot_be_written(tmp_path, archive_path):
    dataset = ArchiveDataset(filepath=str(archive_path / "competition.zip"))
    with pytest.raises(DatasetError) as error:
        dataset.save(CompetitionArchive(archive_path))
    assert "cannot be written" in user_message(error.value)
