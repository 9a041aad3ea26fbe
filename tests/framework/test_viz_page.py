"""The page of Kedro-Viz, and its command."""

from pathlib import Path

import kedro_viz
import pytest
import requests
from kedro_viz.integrations import pypi
from kedro_viz.launchers.cli.main import viz

import facial_keypoints.cli  # noqa: F401  # replaces the command
from facial_keypoints.framework.viz_page import adapt_page

PAGE = (Path(kedro_viz.__file__).parent / "html/index.html").read_text()


def test_page_names_no_other_host():
    assert "https://" in PAGE
    assert "https://" not in adapt_page(PAGE)


def test_page_opens_from_left_to_right_before_kedro_viz_starts():
    adapted = adapt_page(PAGE)
    assert "horizontal" in adapted.partition("</head>")[0]
    assert adapted.count("</head>") == 1


def test_command_does_not_ask_pypi(monkeypatch):
    command = viz.get_command(None, "run")
    assert command.callback.__module__ == "kedro_viz.launchers.cli.run"
    monkeypatch.setattr(requests, "get", lambda *_, **__: pytest.fail("asked PyPI"))
    assert pypi.get_latest_version() is None
