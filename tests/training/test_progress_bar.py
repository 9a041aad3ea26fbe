import io
import logging
import os
import pty
import re
import subprocess
import sys
from logging.handlers import QueueHandler
from pathlib import Path
from queue import Queue
from types import SimpleNamespace

import pytest
from rich.console import Console

from facial_keypoints.training import progress_bar
from facial_keypoints.training.progress_bar import Position, ProgressBar, summary, terminal_bar


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


def test_there_is_no_bar_where_the_console_prints_warnings_only(monkeypatch):
    console = logging.StreamHandler()
    console.name = "console"
    monkeypatch.setattr(logging.getLogger(), "handlers", [console])
    monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setenv("TERM", "xterm")
    assert terminal_bar() is not None
    console.setLevel(logging.WARNING)
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


@pytest.fixture
def display(monkeypatch):
    """Reports a position at a time; whether its record passes. ``drawn`` has what a bar shows."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(progress_bar, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(progress_bar, "terminal_bar", lambda: None)
    shown = progress_bar._Display()

    def report(now, training="a", **fields):
        clock.now = now
        record = logging.makeLogRecord(
            {"position": Position(training, "3/10", 0.25, 10.0, 30.0), **fields}
        )
        return shown.filter(record)

    return report


@pytest.fixture
def bar(monkeypatch, display):
    lines = []
    fake = SimpleNamespace(draw=lambda *texts: lines.append(texts))
    monkeypatch.setattr(progress_bar, "terminal_bar", lambda: fake)
    return lines


def test_one_record_a_minute_of_each_training_passes_without_a_terminal(display):
    passed = [(now, name) for now in range(0, 130, 10) for name in "ab" if display(now, name)]
    assert passed == [(60, "a"), (60, "b"), (120, "a"), (120, "b")]


def test_minute_begins_again_with_an_epoch(display):
    display(0)
    assert display(50, metrics={})
    assert not display(100)
    assert display(110)


def test_bar_shows_the_epoch_of_one_training(display, bar):
    assert not display(0)
    assert bar == [("a  epoch 3/10", 0.25, "30 s left")]


def test_bar_shows_the_mean_progress_of_several_trainings(display, bar):
    display(0, "a")
    display(1, "b")
    assert bar[-1] == ("2 trainings  epochs 3, 3", 0.25, "30 s left")


@pytest.mark.parametrize(
    ("now", "fields"), [(1, {"position": Position("b", ended=True)}), (150, {})]
)
def test_bar_forgets_a_training_that_ended_or_is_silent(display, bar, now, fields):
    display(0, "b")
    display(now, **fields)
    display(now, "a")
    assert bar[-1][0] == "a  epoch 3/10"


def test_training_without_a_first_step_is_preparing():
    assert summary([Position("a", "1/10")])[2] == "preparing"


def test_process_that_relays_its_records_drops_none(display, bar, monkeypatch):
    ours = logging.getLogger("facial_keypoints")
    monkeypatch.setattr(ours, "handlers", [QueueHandler(Queue())])
    assert display(0)
    assert bar == []


def test_records_without_a_position_pass(display):
    assert display(0, position=None)
