import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from facial_keypoints.training import progress_bar
from facial_keypoints.training.progress_bar import ProgressBar, terminal_bar


def drawn(fraction=0.5, before="10cl-3mpl  epoch 3/10", after="about 40 s remaining", width=80):
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=width, color_system=None)
    bar = ProgressBar(console)
    bar.draw(before, fraction, after)
    shown = re.sub(r"\x1b\[2K|\r", "", stream.getvalue())
    bar.erase()
    return shown, stream.getvalue()


@pytest.mark.parametrize(("fraction", "full"), [(0, 0), (0.5, 15), (1, 30)])
def test_bar_is_one_line_within_80_columns(fraction, full):
    stream = io.StringIO()
    ProgressBar(Console(file=stream, force_terminal=True, width=80)).draw("a", fraction, "b")
    assert len(re.findall("━", stream.getvalue())) == 30
    assert "\n" not in stream.getvalue()
    assert len(drawn(fraction)[0]) < 80


def test_long_text_is_cut_at_the_width():
    assert len(drawn(before="x" * 100)[0]) == 79


def test_bar_is_erased_and_the_cursor_stays():
    _, everything = drawn()
    assert everything.endswith("\x1b[2K\r")
    assert "\x1b[?25l" not in everything


def test_bar_is_drawn_at_most_four_times_a_second(monkeypatch):
    stream = io.StringIO()
    bar = ProgressBar(Console(file=stream, force_terminal=True, width=80))
    for now in (1.0, 1.1, 1.2, 1.3):
        monkeypatch.setattr(progress_bar.time, "monotonic", lambda now=now: now)
        bar.draw("a", 0, f"at {now}")
    assert re.findall(r"at [\d.]+", stream.getvalue()) == ["at 1.0", "at 1.3"]


def test_there_is_no_bar_without_a_terminal(capsys):
    assert terminal_bar() is None


def test_there_is_a_bar_on_a_terminal():
    parent, child = pty.openpty()
    source = Path(progress_bar.__file__).parents[2]
    code = "from facial_keypoints.training.progress_bar import *; terminal_bar().draw('a', 0, 'b')"
    subprocess.run(
        [sys.executable, "-c", code],
        stdout=child,
        env={**os.environ, "PYTHONPATH": str(source), "TERM": "xterm", "COLUMNS": "80"},
        check=True,
    )
    os.close(child)
    assert "━" in os.read(parent, 4096).decode()
    os.close(parent)
