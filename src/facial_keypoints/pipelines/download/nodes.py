"""Nodes of the download pipeline."""

import logging
from functools import partial
from pathlib import Path

import pandas as pd

from facial_keypoints.archive.competition import CompetitionArchive
from facial_keypoints.archive.fetching import (
    ArchiveSource,
    fetch_archive,
    local_source,
    source_in_place,
)
from facial_keypoints.kaggle.client import download_competition
from facial_keypoints.parameters import DownloadParameters, SyntheticParameters
from facial_keypoints.synthetic import make_answer_key, write_archive

logger = logging.getLogger(__name__)


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
    if download.archive is not None and download.source not in {"auto", "archive"}:
        logger.warning(
            "download.archive is not used, because download.source is %s; to use it: --params "
            "download.source=archive,download.archive=%s",
            download.source,
            download.archive,
        )
    return fetch_archive(choose_source(download, earlier_archive.path), earlier_archive.path)


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


def choose_source(download: DownloadParameters, place: Path) -> ArchiveSource:
    """Return the source that the parameters name.

    Args:
        download: ``auto`` is the archive that is given or in place, and else Kaggle.
        place: Path of the archive in the data folder.

    Raises:
        InputError: if the given files are not the competition's.
    """
    if download.source == "synthetic":
        return _synthetic_source(download.synthetic)
    if download.archive is not None and download.source != "kaggle":
        return local_source(download.archive)
    competition = download.competition
    kaggle = ArchiveSource(
        fingerprint=f"kaggle:{competition}",  # the files have not changed since 2013
        description=f"Downloading {competition} from Kaggle",
        fetch=partial(download_competition, competition),
    )
    return source_in_place(place, kaggle) if download.source == "auto" else kaggle


def _synthetic_source(synthetic: SyntheticParameters) -> ArchiveSource:
    from facial_keypoints import __version__

    train_faces, test_faces, seed = synthetic.train_faces, synthetic.test_faces, synthetic.seed
    return ArchiveSource(
        fingerprint=f"synthetic:{__version__}:{synthetic.model_dump_json()}",
        description=f"Rendering {train_faces + test_faces:,} synthetic faces",
        fetch=lambda path: write_archive(path, train_faces, test_faces, seed),
    )
