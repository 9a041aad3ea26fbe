"""The catalog without a session."""

from pathlib import Path

import pytest

from facial_keypoints.errors import InputError
from facial_keypoints.framework.project_catalog import load_catalog

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("env", "folder"), [("local", "data"), ("demo", "data/demo")])
def test_files_are_those_of_the_environment(env, folder, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    path = load_catalog(PROJECT, env)["champion"]._filepath
    assert Path(path) == PROJECT / folder / "07_model_output/champion.json"


def test_unknown_environment_is_named():
    with pytest.raises(InputError, match=r"unknown environment 'dmo' \(did you mean 'demo'"):
        load_catalog(PROJECT, "dmo")
