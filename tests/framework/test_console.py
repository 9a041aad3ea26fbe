"""Log lines on the console, and the log file."""

import io
import logging
import logging.handlers

import click
import pytest
from kedro.pipeline import node

from facial_keypoints.cli import cli, is_printed
from facial_keypoints.errors import InputError
from facial_keypoints.framework.console import configure_console, keep_log_files, wrapped
from facial_keypoints.training import progress_bar


@pytest.fixture
def console(monkeypatch):
    """What the handler "console" prints."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.name = "console"
    handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", "at"))
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    configure_console(is_printed)
    return stream


def test_console_shows_the_level_of_warnings_and_errors_only(console):
    logger = logging.getLogger("facial_keypoints.test")
    logger.setLevel(logging.INFO)
    logger.info("%d faces", 3)
    logger.warning("%d %% of faces", 3)
    logger.error("no faces")
    assert console.getvalue() == "at  3 faces\nat  WARNING: 3 % of faces\nat  ERROR: no faces\n"


def test_console_completes_commands(console):
    logger = logging.getLogger("facial_keypoints.test")
    context = click.Context(cli.commands["run"])
    context.params = {"env": "demo"}
    with context:
        logger.warning("To send it, with the same --env: %s", "kedro run --pipeline=upload")
    assert console.getvalue() == (
        "at  WARNING: To send it: kedro run --env=demo --pipeline=upload\n"
    )


@pytest.mark.parametrize(
    ("error", "printed"), [(InputError("wrong file"), False), (ValueError("a bug"), True)]
)
def test_kedro_prints_errors_of_nodes_except_those_of_users(console, error, printed):
    def fail():
        raise error

    with pytest.raises(type(error)):
        node(fail, None, "out").run({})
    assert (str(error) in console.getvalue()) == printed


def test_line_of_the_console_fits_80_columns_with_its_prefix(console, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    logging.getLogger("facial_keypoints.test").warning("some words " * 40)
    lines = console.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert all(line.startswith("    ") for line in lines[1:])


@pytest.mark.parametrize(
    "whole",
    [
        "kedro run --pipeline=upload --params upload.wait_only=true",
        "--params split.unseen=0.15",
        "/a/long/path/" + 80 * "x",
        "1.5 px",
    ],
)
def test_command_path_and_quantity_are_not_broken(whole):
    text = wrapped(f"some words before it: {whole}, and after it", 10, 37)
    assert whole in text
    assert max(len(line) for line in text.splitlines() if whole not in line) <= 37


def test_lines_of_a_message_are_indented():
    assert wrapped("a\n  b", 4, 80) == "a\n      b"


def test_traceback_is_not_wrapped(console):
    try:
        raise ValueError("x" * 100 + " " + "y" * 100)
    except ValueError:
        logging.getLogger("facial_keypoints.test").exception("a bug")
    assert "x" * 100 + " " + "y" * 100 in console.getvalue()


def test_progress_bar_is_erased_before_a_line(console, monkeypatch):
    erased = []
    monkeypatch.setattr(progress_bar, "erase", lambda: erased.append(console.getvalue()))
    logging.getLogger("facial_keypoints.test").warning("a line")
    assert set(erased) == {""}


@pytest.fixture
def log_file(tmp_path, monkeypatch):
    """A log file in a folder that is missing, and the lines of the console."""
    stream = io.StringIO()
    file = logging.handlers.RotatingFileHandler(tmp_path / "logs/info.log", delay=True)
    handlers = [logging.StreamHandler(stream), file]
    monkeypatch.setattr(logging.getLogger(), "handlers", handlers)
    yield tmp_path / "logs", stream
    file.close()


def test_missing_folder_of_the_log_file_is_made(log_file, capsys):
    folder, _ = log_file
    keep_log_files()
    logging.getLogger("facial_keypoints.test").warning("a line")
    assert (folder / "info.log").read_text() == "a line\n"
    assert capsys.readouterr().err == ""


def test_log_file_that_cannot_be_written_is_reported_once(log_file, capsys):
    folder, stream = log_file
    folder.write_text("a file in the folder's place")
    keep_log_files()
    for text in ("first", "second"):
        logging.getLogger("facial_keypoints.test").warning(text)
    first, report, second = stream.getvalue().splitlines()
    assert (first, second) == ("first", "second")
    assert report.startswith(f"{folder}/info.log cannot be written (")
    assert capsys.readouterr().err == ""
