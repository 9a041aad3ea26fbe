"""One run at a time in a data folder, and what a run that was killed has left there.

The operating system frees the lock of a process that dies, however it dies. A note beside the lock
tells who holds it; a run that ends takes its note with it, so that a note without a lock is that of
a run that was killed: its MLflow runs are closed, and the files that it was writing are removed.
"""

import json
import logging
import os
import re
import shutil
import socket
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl

from facial_keypoints import tracking
from facial_keypoints.errors import InputError

logger = logging.getLogger(__name__)

LOCK: Final = ".run.lock"
NOTE: Final = ".run.json"
_HALF_WRITTEN: Final = re.compile(r"\.[0-9a-f]{32}(\..*)?")
"""Names of files and folders on their way to their place."""


class RunLockHooks:
    """Takes the lock before a run, and frees it afterwards."""

    def __init__(self) -> None:
        self._folder = Path()
        self._lock: FileLock | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Remember where the data lies."""
        root = Path(str(context.config_loader["globals"]["data_root"]))
        self._folder = root if root.is_absolute() else context.project_path / root

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any]) -> None:
        """Take the lock.

        Raises:
            InputError: if another run has it, or the folder cannot be written.
        """
        self._free()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._folder / LOCK)
            lock.acquire(timeout=0)
        except Timeout:
            raise InputError(
                f"another run is at work in {self._folder} ({self._holder()}), and two would mix "
                "their results. Wait for it, or stop it; or give this one a data folder of its own "
                "(data_root in conf/<env>/globals.yml)"
            ) from None
        except OSError as error:
            raise InputError(
                f"{self._folder}: cannot be written ({error.strerror}); see that you may write "
                "there, and that the disk is not full"
            ) from error
        self._lock = lock
        self._tidy_up()

    @hook_impl(trylast=True)
    def before_node_run(self) -> None:
        """Note who is at work, once MLflow's run is known."""
        note = self._folder / NOTE
        if self._lock is None or note.exists():
            return
        facts = {
            "process": os.getpid(),
            "host": socket.gethostname(),
            "since": datetime.now().astimezone().isoformat(timespec="seconds"),
            "mlflow_run_id": tracking.session_run_id(),
        }
        note.write_text(json.dumps(facts), encoding="utf-8")

    @hook_impl(trylast=True)
    def after_pipeline_run(self) -> None:
        """Free the lock."""
        self._free()

    @hook_impl(trylast=True)
    def on_pipeline_error(self) -> None:
        """Free the lock."""
        self._free()

    def _free(self) -> None:
        if self._lock is not None:
            (self._folder / NOTE).unlink(missing_ok=True)
            self._lock.release()
            self._lock = None

    def _holder(self) -> str:
        try:
            facts = json.loads((self._folder / NOTE).read_text(encoding="utf-8"))
            return f"process {facts['process']} on {facts['host']}, since {facts['since']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "it has just begun"

    def _tidy_up(self) -> None:
        """Close and remove what a run that was killed has left."""
        note = self._folder / NOTE
        if note.exists():
            logger.info(
                "The run before this one was killed (%s): going on where it stopped", self._holder()
            )
            try:
                run_id = json.loads(note.read_text(encoding="utf-8"))["mlflow_run_id"]
                tracking.close_as_killed(run_id)
            except (OSError, ValueError, KeyError, TypeError) as error:
                logger.debug("%s: %s", note, error)
            note.unlink()
        for path in self._folder.rglob(".*"):
            if _HALF_WRITTEN.fullmatch(path.name):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
