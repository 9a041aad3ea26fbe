"""The competition's archive as a dataset."""

import shutil
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import uuid4

from facial_keypoints.archive.competition import CompetitionArchive
from facial_keypoints.archive.fetching import stamp_of
from facial_keypoints.framework.datasets.atomic import FileDataset, write_errors
from facial_keypoints.framework.datasets.local_copy import LocalCopy
from facial_keypoints.framework.read_errors import read_errors


class ArchiveDataset(FileDataset):
    """The competition's archive on this machine's disk; a remote one is copied to it.

    Loading opens nothing: the archive's tables are read when they are asked for. Saving copies an
    archive from another path; one that is in place already stays as it is.

    Args:
        filepath: Path or URL of the archive. The note of its source lies next to it.
        metadata: As ``FileDataset``.
        credentials: The same.
    """

    def __init__(
        self,
        *,
        filepath: str,
        metadata: dict[str, Any] | None = None,
        credentials: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(filepath=filepath, metadata=metadata, credentials=credentials)
        stamp = self._filepath.with_name(stamp_of(self._filepath.name))
        self._archive = LocalCopy(self._fs, self._filepath)
        self._stamp = LocalCopy(self._fs, stamp)

    def _exists(self) -> bool:
        return bool(self._fs.isfile(str(self._filepath)))

    def load(self) -> CompetitionArchive:
        """Return the archive at the dataset's path, or the copy of a remote one.

        Raises:
            InputError: if a remote archive cannot be copied.
        """
        with read_errors(self.location):
            self._archive.fetch()
            self._stamp.fetch()
        return CompetitionArchive(self._archive.path)

    def save(self, data: CompetitionArchive) -> None:
        """Copy an archive to the dataset's path, unless it is there already.

        Raises:
            InputError: if the file cannot be written; the earlier one is unchanged.
        """
        path = self._archive.path
        with write_errors(self.location):
            if data.path.resolve() != path.resolve():
                partial = path.with_name(f".{uuid4().hex}.{path.name}")
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(data.path, partial)
                    partial.replace(path)
                finally:
                    with suppress(OSError):  # the folder may be what cannot be written
                        partial.unlink(missing_ok=True)
            if not self._archive.is_current():
                self._stamp.remove_remote()  # a stamp never describes another archive
                self._archive.send()
            self._stamp.send()
