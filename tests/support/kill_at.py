"""Run Kedro's command line in a process that kills itself (SIGKILL) at an exact point.

    python tests/support/kill_at.py POINT run --pipelines=full --env=test

POINT is one of
    within:NAME    half of the file that matches NAME is written
    before:NAME    the file is written and not yet moved to its path
    after:NAME     the file has been moved to its path
    fetched        the archive is fetched and not yet checked
    unstamped      the archive is at its path, and its source is not noted yet
    building       the model is built and no step is trained
    step:N         N steps are trained
    validating:N   N epochs are trained, and the last one is being validated
    ended          training has ended, and only its last checkpoint is saved
"""

import os
import signal
import sys
from pathlib import Path


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(point: str) -> None:
    """Patch the function that POINT names."""
    from facial_keypoints.archive.competition import CompetitionArchive

    kind, _, detail = point.partition(":")
    if kind in {"before", "after", "within"}:
        arm_moving(kind, detail)
    elif kind == "fetched":
        CompetitionArchive.check = lambda self: die()
    elif kind == "unstamped":
        write = Path.write_text
        Path.write_text = lambda self, *words, **how: (
            die() if self.suffix == ".source" else write(self, *words, **how)
        )
    else:
        arm_training(kind, int(detail or 0))


def arm_moving(kind: str, name: str) -> None:
    from facial_keypoints.framework.datasets import atomic

    move = atomic.move

    def moving(fs, partial, target):
        if not Path(target).match(name):
            return move(fs, partial, target)
        if kind == "within":
            os.truncate(partial, Path(partial).stat().st_size // 2)
        if kind == "after":
            move(fs, partial, target)
        return die()

    atomic.move = moving


def arm_training(kind: str, number: int) -> None:
    from facial_keypoints.training import callbacks, variants

    class Killer(callbacks.DivergenceGuard):
        steps = epochs = 0

        def on_train_begin(self, logs=None):
            if kind == "building":
                die()

        def on_train_batch_end(self, batch, logs=None):
            Killer.steps += 1
            if kind == "step" and Killer.steps == number:
                die()

        def on_test_batch_end(self, batch, logs=None):
            if kind == "validating" and Killer.epochs == number:
                die()

        def on_epoch_begin(self, epoch, logs=None):
            Killer.epochs += 1

    if kind == "ended":
        variants.TrainingRecord = lambda **_: die()
    else:
        callbacks.DivergenceGuard = Killer


if __name__ == "__main__":
    from kedro.framework.cli import main

    arm(sys.argv.pop(1))
    main()
