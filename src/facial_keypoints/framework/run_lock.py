"""One run at a time in a data folder, and clean-up after a run that was killed.

The operating system frees the lock of a process that dies. A note next to the lock names the
holder, and a run that ends removes its note. A note without a lock therefore belongs to a run that
was killed, or whose end MLflow does not know: the next run ends its MLflow runs and removes its
partial files.
"""

import json
import logging
import os
import re
import shutil
import socket
from collections.abc import Generator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl

from facial_keypoints.errors import InputError
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
        self._folder = Path()
        self._lock: FileLock | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Note the data folder."""
        root = Path(str(context.config_loader["globals"]["data_root"]))
        self._folder = root if root.is_absolute() else context.project_path / root

    @hook_impl(wrapper=True)
    def before_pipeline_run(self) -> Generator[None, None, None]:
        """Take the lock before other hooks start, and write the note once MLflow's run exists.

        Raises:
            InputError: if another run holds the lock, or the folder cannot be written.
        """
        self.close("KILLED")  # an interrupted session in a notebook
        self._take()
        self._clean_up()
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
        with suppress(OSError):  # it only helps the next run
            (self._folder / NOTE).write_text(json.dumps(facts), encoding="utf-8")

    def _take(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._folder / LOCK)
            lock.acquire(timeout=0)
        except Timeout:
            raise InputError(
                f"{self._folder} is in use by another run ({self._holder()}). Wait for it or stop "
                "it; or set another data_root for this run in conf/<env>/globals.yml"
            ) from None
        except OSError as error:
            raise InputError(
                f"{self._folder}: cannot be written ({error.strerror}); check that it is a "
                "writable folder and that the disk is not full"
            ) from error
        self._lock = lock

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
        if self._lock is None:
            return
        note = Path(self._lock.lock_file).with_name(NOTE)
        with suppress(OSError, ValueError):
            if not self._tracking.is_complete and note.exists():
                facts = json.loads(note.read_text(encoding="utf-8"))
                note.write_text(json.dumps({**facts, "ended": status}), encoding="utf-8")
            else:
                note.unlink(missing_ok=True)
        self._lock.release()
        self._lock = None

    def _holder(self) -> str:
        try:
            facts = json.loads((self._folder / NOTE).read_text(encoding="utf-8"))
            return f"process {facts['process']} on {facts['host']}, since {facts['since']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "it has just started"

    def _clean_up(self) -> None:
        """End the MLflow runs of a run that was killed, and remove its partial files."""
        note = self._folder / NOTE
        if note.exists():
            with suppress(OSError, ValueError, AttributeError):
                facts = json.loads(note.read_text(encoding="utf-8"))
                if "ended" not in facts:
                    logger.info(
                        "The previous run was killed (%s): resuming where it stopped",
                        self._holder(),
                    )
                if facts.get("mlflow_run_id"):
                    from facial_keypoints.tracking.runs import close_run

                    close_run(facts["mlflow_run_id"], facts.get("ended", "KILLED"))
            note.unlink(missing_ok=True)
        for folder, inner, files in os.walk(self._folder):
            # another run may use a data folder inside this one (data/demo in data)
            inner[:] = [name for name in inner if not (Path(folder) / name / LOCK).exists()]
            for name in filter(_HALF_WRITTEN.fullmatch, files):
                (Path(folder) / name).unlink(missing_ok=True)
            for name in filter(_HALF_WRITTEN.fullmatch, inner):
                shutil.rmtree(Path(folder) / name)
