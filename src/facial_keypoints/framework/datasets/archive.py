"""The competition's archive as a dataset."""

import shutil
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import uuid4

from kedro.io import AbstractDataset

from facial_keypoints.archive.competition import CompetitionArchive
from facial_keypoints.framework.datasets.atomic import write_errors


class ArchiveDataset(AbstractDataset[CompetitionArchive, CompetitionArchive]):
    """The competition's archive on the local disk.

    Loading opens nothing: the archive's tables are read when they are asked for. Saving copies an
    archive from another path; one that is in place already stays as it is.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}

    def _exists(self) -> bool:
        return self._path.is_file()

    def load(self) -> CompetitionArchive:
        """Return the archive at the dataset's path."""
        return CompetitionArchive(self._path)

    def save(self, data: CompetitionArchive) -> None:
        """Copy an archive to the dataset's path, unless it is there already.

        Raises:
            InputError: if the file cannot be written; the earlier one is unchanged.
        """
        if data.path.resolve() == self._path.resolve():
            return
        partial = self._path.with_name(f".{uuid4().hex}.{self._path.name}")
        try:
            with write_errors(PurePosixPath(self._path)):
                self._path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(data.path, partial)
                partial.replace(self._path)
        finally:
            with suppress(OSError):  # the folder may be what cannot be written
                partial.unlink(missing_ok=True)
