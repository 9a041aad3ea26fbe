"""Nodes of the download stage."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from facial_keypoints.archive.competition import ArchiveSource, CompetitionArchive
from facial_keypoints.kaggle.client import download_competition
from facial_keypoints.parameters import DownloadParameters, SyntheticParameters
from facial_keypoints.synthetic import make_answer_key, write_archive


@dataclass(frozen=True)
class KaggleSource:
    """The archive as Kaggle's API serves it."""

    competition: str

    @property
    def fingerprint(self) -> str:
        """The competition's name: its files never changed since 2013."""
        return f"kaggle:{self.competition}"

    @property
    def description(self) -> str:
        """For the log."""
        return f"Downloading {self.competition} from Kaggle"

    def fetch(self, target: Path) -> None:
        """Download to ``target``."""
        download_competition(self.competition, target)


@dataclass(frozen=True)
class LocalSource:
    """A zip that the user already has."""

    path: Path

    @property
    def fingerprint(self) -> str:
        """Path, size and time of change of the user's file."""
        status = self.path.stat()
        return f"archive:{self.path.resolve()}:{status.st_size}:{status.st_mtime_ns}"

    @property
    def description(self) -> str:
        """For the log."""
        return f"Checking and copying {self.path}"

    def fetch(self, target: Path) -> None:
        """Copy to ``target``."""
        shutil.copyfile(self.path, target)


@dataclass(frozen=True)
class SyntheticSource:
    """The drawn competition."""

    synthetic: SyntheticParameters

    @property
    def fingerprint(self) -> str:
        """Everything that the drawing depends on."""
        from facial_keypoints import __version__

        return f"synthetic:{__version__}:{self.synthetic.model_dump_json()}"

    @property
    def description(self) -> str:
        """For the log."""
        return f"Drawing {self.synthetic.train_faces + self.synthetic.test_faces:,} faces"

    def fetch(self, target: Path) -> None:
        """Draw to ``target``."""
        drawn = self.synthetic
        write_archive(target, drawn.train_faces, drawn.test_faces, drawn.seed)


def choose_archive_source(download: DownloadParameters) -> ArchiveSource:
    """Where the archive comes from; a local file is checked before anything else is done.

    Raises:
        InputError: if the local file is not the competition's archive.
    """
    if download.source == "synthetic":
        return SyntheticSource(download.synthetic)
    if download.source == "archive":
        assert download.archive is not None  # noqa: S101 (held by DownloadParameters)
        CompetitionArchive(download.archive).check()
        return LocalSource(download.archive)
    return KaggleSource(download.competition)


def find_answer_key(
    download: DownloadParameters,
    archive: CompetitionArchive,
) -> pd.DataFrame:
    """The true value of every asked coordinate (RowId, Location in pixels).

    The archive is an input so that the key of an earlier one stays until the new one is in its
    place. Only the drawn competition has one; for the others the table is empty, and the score
    comes from Kaggle.
    """
    if download.source == "synthetic":
        drawn = download.synthetic
        return make_answer_key(drawn.train_faces, drawn.test_faces, drawn.seed)
    return pd.DataFrame({"RowId": pd.Series(dtype=int), "Location": pd.Series(dtype=float)})
