"""Ctrl-C and SIGTERM that are not lost.

Python raises KeyboardInterrupt wherever the program happens to be. Within a destructor, such as
those of TensorFlow's iterators and of database connections, it is printed or dropped and the
program continues; therefore it is also remembered, and training checks it at each step.
"""

import signal
import threading
from types import FrameType
from typing import Final

_asked: Final = threading.Event()


def listen() -> None:
    """Raise KeyboardInterrupt on SIGINT and SIGTERM from now on, and forget earlier ones."""
    _asked.clear()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)


def stop_if_asked() -> None:
    """Raise KeyboardInterrupt if a signal has arrived."""
    if _asked.is_set():
        raise KeyboardInterrupt


def _interrupt(number: int, frame: FrameType | None) -> None:
    _asked.set()
    raise KeyboardInterrupt
