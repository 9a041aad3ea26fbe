"""Nodes of the download pipeline."""

import shutil
from functools import partial
from pathlib import Path

import pandas as pd

from facial_keypoints.archive.competition import CompetitionArchive
from facial_keypoints.archive.fetching import ArchiveSource, fetch_archive
from facial_keypoints.kaggle.client import download_competition
from facial_keypoints.parameters import DownloadParameters, SyntheticParameters
from facial_keypoints.synthetic import make_answer_key, write_archive


def download_archive(
    download: DownloadParameters, earlier_archive: CompetitionArchive
) -> CompetitionArchive:
    """Return the checked archive; reuse the earlier one if it comes from the same source.

    Args:
        download: Names the source.
        earlier_archive: The archive of an earlier run. Its file need not exist; the new archive
            gets its path.

    Returns:
        The archive, at the path of ``earlier_archive``.

    Raises:
        InputError: if the source cannot be reached, the archive is not sound, or it cannot be
            written; the earlier archive is unchanged.
    """
    return fetch_archive(choose_source(download), earlier_archive.path)


def find_answer_key(download: DownloadParameters, archive: CompetitionArchive) -> pd.DataFrame:
    """Return the true value of every requested coordinate, where the competition is synthetic.

    Args:
        download: Names the source.
        archive: Not read: the key of an earlier archive stays until the new archive is in place.

    Returns:
        RowId and Location (pixels); no rows for Kaggle's data, which only Kaggle can score.
    """
    if download.source == "synthetic":
        synthetic = download.synthetic
        return make_answer_key(synthetic.test_faces, synthetic.seed)
    return pd.DataFrame({"RowId": pd.Series(dtype=int), "Location": pd.Series(dtype=float)})


def choose_source(download: DownloadParameters) -> ArchiveSource:
    """Return the source that the parameters name.

    Raises:
        InputError: if a local file is not the competition's archive.
    """
    if download.source == "synthetic":
        return _synthetic_source(download.synthetic)
    if download.source == "archive":
        assert download.archive is not None  # noqa: S101 (DownloadParameters requires it)
        return _local_source(download.archive)
    competition = download.competition
    return ArchiveSource(
        fingerprint=f"kaggle:{competition}",  # the files have not changed since 2013
        description=f"Downloading {competition} from Kaggle",
        fetch=partial(download_competition, competition),
    )


def _local_source(archive: Path) -> ArchiveSource:
    CompetitionArchive(archive).check()
    status = archive.stat()
    return ArchiveSource(
        fingerprint=f"archive:{archive.resolve()}:{status.st_size}:{status.st_mtime_ns}",
        description=f"Copying and checking {archive}",
        fetch=partial(shutil.copyfile, archive),
    )


def _synthetic_source(synthetic: SyntheticParameters) -> ArchiveSource:
    from facial_keypoints import __version__

    train_faces, test_faces, seed = synthetic.train_faces, synthetic.test_faces, synthetic.seed
    return ArchiveSource(
        fingerprint=f"synthetic:{__version__}:{synthetic.model_dump_json()}",
        description=f"Rendering {train_faces + test_faces:,} synthetic faces",
        fetch=lambda path: write_archive(path, train_faces, test_faces, seed),
    )
