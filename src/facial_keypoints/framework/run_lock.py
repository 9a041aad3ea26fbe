"""One run at a time in a data folder, and clean-up after a run that was killed.

On a local disk, the operating system frees the lock of a process that dies; on object storage, see
``object_lock``. A note next to the lock names the holder, and a run that ends removes its note. A
note without a lock therefore belongs to a run that was killed, or whose end MLflow does not know:
the next run ends its MLflow runs and removes its partial files.
"""

import json
import logging
import os
import re
import socket
from collections.abc import Generator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final

from filelock import FileLock, Timeout
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl

from facial_keypoints.errors import InputError
from facial_keypoints.framework.object_lock import HeldError, ObjectLock
from facial_keypoints.framework.storage import (
    CREDENTIALS,
    credentials_of,
    filesystem,
    is_local,
    is_remote,
    location,
    unreachable,
)
from facial_keypoints.tracking import DeferredTrackingHooks

logger = logging.getLogger(__name__)

LOCK: Final = ".run.lock"
NOTE: Final = ".run.json"
_HALF_WRITTEN: Final = re.compile(r"\.[0-9a-f]{32}(?!\.replaced$)(\..*)?")
"""Names of partial files and folders."""


class RunLockHooks:
    """Take the lock before a run, and free it afterwards.

    Args:
        tracking: The hooks that know the MLflow run of the session.
    """

    def __init__(self, tracking: DeferredTrackingHooks) -> None:
        self._tracking = tracking
        self._root = ""
        self._credentials: Mapping[str, Any] = {}
        self._folder: DataFolder | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Note the data folder."""
        root = str(context.config_loader["globals"]["data_root"])
        self._root = root if is_remote(root) else str(context.project_path / root)
        self._credentials = credentials_of(context.config_loader).get(CREDENTIALS, {})

    @hook_impl(wrapper=True)
    def before_pipeline_run(self) -> Generator[None, None, None]:
        """Take the lock before other hooks start, and write the note once MLflow's run exists.

        Raises:
            InputError: if another run holds the lock, or the folder cannot be written.
        """
        self.close("KILLED")  # an interrupted session in a notebook
        folder = DataFolder(self._root, self._credentials)
        folder.lock()
        self._folder = folder
        self._clean_up(folder)
        try:
            yield
        except BaseException:
            self.close("FAILED")
            raise
        facts = {
            "process": os.getpid(),
            "host": socket.gethostname(),
            "since": datetime.now().astimezone().isoformat(timespec="seconds"),
            "mlflow_run_id": self._tracking.run_id,
        }
        with suppress(Exception):  # it only helps the next run
            folder.write_note(facts)

    @hook_impl
    def before_node_run(self) -> None:
        """End a run whose lock another one has taken over.

        Raises:
            InputError: if it has.
        """
        self._check_lock()

    @hook_impl
    def before_dataset_saved(self) -> None:
        """End such a run before it saves a file that the other one may be reading.

        Raises:
            InputError: as ``before_node_run``.
        """
        self._check_lock()

    def _check_lock(self) -> None:
        if self._folder is not None and self._folder.is_lost:
            raise InputError(
                f"{self._root}: another run took over while this one could not reach the storage; "
                "wait for it, then run the same command again to resume"
            )

    @hook_impl(trylast=True)
    def after_pipeline_run(self) -> None:
        """Free the lock."""
        self.close("FINISHED")

    @hook_impl(trylast=True)
    def on_pipeline_error(self) -> None:
        """Free the lock."""
        self.close("FAILED")

    def close(self, status: str) -> None:
        """Free the lock, if it is held.

        Args:
            status: How the run ended: FINISHED, FAILED or KILLED.
        """
        folder, self._folder = self._folder, None
        if folder is None:
            return
        if not folder.is_lost:  # else the note is the other run's
            with suppress(Exception):  # of any file system
                note = folder.note()
                if not self._tracking.is_complete and note:
                    folder.write_note({**note, "ended": status})
                else:
                    folder.remove_note()
        folder.unlock()

    @staticmethod
    def _clean_up(folder: "DataFolder") -> None:
        """End the MLflow runs of a run that was killed, and remove its partial files."""
        note = folder.note()
        if note and "ended" not in note:
            logger.info(
                "The previous run was killed (%s): resuming where it stopped", folder.holder()
            )
        if note.get("mlflow_run_id"):
            from facial_keypoints.tracking.runs import close_run

            close_run(note["mlflow_run_id"], note.get("ended", "KILLED"))
        folder.remove_note()
        folder.remove_partial_files()


class DataFolder:
    """The data folder of a run, with its lock and its note.

    Args:
        root: Path or URL.
        credentials: Options of a remote file system.
    """

    def __init__(self, root: str, credentials: Mapping[str, Any]) -> None:
        self._fs, self._path = filesystem(root, credentials)
        self._name = location(self._fs, self._path)
        self._lock: FileLock | ObjectLock | None = None

    @property
    def is_lost(self) -> bool:
        """Whether another run has taken the lock over."""
        return isinstance(self._lock, ObjectLock) and self._lock.is_lost

    def lock(self) -> None:
        """Take the lock.

        Raises:
            InputError: If another run holds it, or the folder cannot be written.
        """
        try:
            if is_local(self._fs):
                Path(self._path).mkdir(parents=True, exist_ok=True)
                self._lock = FileLock(self._path / LOCK)
                self._lock.acquire(timeout=0)
            else:
                self._lock = ObjectLock(self._fs, self._path / LOCK)
                self._lock.acquire()
        except (Timeout, HeldError):
            raise InputError(
                f"{self._name} is in use by another run ({self.holder()}). Wait for it or stop "
                "it; or set another data_root for this run in conf/<env>/globals.yml (and another "
                "raw_root, if its data is from another source)"
            ) from None
        except Exception as error:
            if failure := unreachable(error, self._name):
                raise failure from error
            if not isinstance(error, OSError):
                raise
            raise InputError(
                f"{self._name}: cannot be written ({error.strerror or error}); check that it is a "
                "writable folder and that the disk is not full"
            ) from error

    def unlock(self) -> None:
        """Free the lock."""
        if self._lock is not None:
            self._lock.release()

    def holder(self) -> str:
        """Return what the note says of the run that wrote it."""
        note = self.note()
        try:
            return f"process {note['process']} on {note['host']}, since {note['since']}"
        except KeyError:
            return "it has just started"

    def note(self) -> dict[str, Any]:
        """Return the note; empty where there is none that can be read."""
        try:
            note = json.loads(self._fs.cat_file(str(self._path / NOTE)))
        except (OSError, ValueError):
            return {}
        return note if isinstance(note, dict) else {}

    def write_note(self, facts: Mapping[str, Any]) -> None:
        """Replace the note."""
        self._fs.pipe_file(str(self._path / NOTE), json.dumps(facts).encode())

    def remove_note(self) -> None:
        """Remove the note, if there is one."""
        with suppress(FileNotFoundError):
            self._fs.rm_file(str(self._path / NOTE))

    def remove_partial_files(self) -> None:
        """Remove what a killed run has left half written, but for that of a run in a subfolder."""
        found = [PurePosixPath(path) for path in self._fs.find(str(self._path), withdirs=True)]
        used = {path.parent for path in found if path.name == LOCK} - {self._path}
        for path in found:
            if _HALF_WRITTEN.fullmatch(path.name) and not used & {*path.parents}:
                with suppress(FileNotFoundError):  # its folder is removed
                    self._fs.rm(str(path), recursive=True)
