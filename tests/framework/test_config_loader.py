import shutil

import pytest
from parameters import CONF

from facial_keypoints.errors import InputError
from facial_keypoints.framework.config_loader import (
    LOADER_ARGUMENTS,
    CheckedConfigLoader,
    current_parameters,
    load_parameters,
)


@pytest.fixture(autouse=True)
def no_session(monkeypatch):
    """Restore the latest session's loader after each test."""
    monkeypatch.setattr(CheckedConfigLoader, "latest", None)


@pytest.fixture
def local(tmp_path):
    """Return what the parameters are with a given ``conf/local/parameters.yml``."""
    shutil.copytree(CONF / "base", tmp_path / "base")
    (tmp_path / "local").mkdir()

    def load(text):
        (tmp_path / "local" / "parameters.yml").write_text(text)
        return load_parameters(tmp_path, "local")

    return load


@pytest.mark.parametrize(
    "section",
    [
        "download",
        "clean",
        "augment",
        "split",
        "train",
        "study",
        "evaluate",
        "upload",
        "competition",
    ],
)
def test_section_with_nothing_in_it_keeps_the_base_values(local, section):
    assert local(f"{section}:\n  # epochs: 3\n") == load_parameters(CONF)


def test_group_with_nothing_in_it_keeps_the_base_values(local):
    loaded = local(
        "download:\n  synthetic:\n"
        "train:\n  epochs: 3\n  reduce_on_plateau:\n"
        "variants:\n  vgg16:\n    settings:\n"
    )
    base = load_parameters(CONF)
    assert loaded.download == base.download
    assert loaded.train == base.train.model_copy(update={"epochs": 3})
    assert loaded.variants["vgg16"].settings == {}


def test_environment_changes_single_values(local):
    loaded = local("train: {reduce_on_plateau: {patience: 9}}")
    base = load_parameters(CONF)
    assert loaded.train.reduce_on_plateau.patience == 9
    assert loaded.train.epochs == base.train.epochs


def test_empty_section_does_not_hide_other_problems(local):
    with pytest.raises(InputError, match=r"train\.epochs") as error:
        local("clean:\ntrain: {epochs: 0}")
    assert "clean" not in str(error.value)


def test_session_loader_plans_the_study():
    loader = CheckedConfigLoader(
        str(CONF), env="test", runtime_params={"study": {"seeds": [0, 1]}}, **LOADER_ARGUMENTS
    )
    assert loader.parameters.chosen == ["tiny-2cl", "tiny-2cl-seed1", "tiny-3cl", "tiny-3cl-seed1"]
    assert loader["parameters"] == loader.parameters.model_dump(mode="json")


def test_registry_uses_the_latest_session():
    loader = CheckedConfigLoader(str(CONF), env="test", **LOADER_ARGUMENTS)
    assert current_parameters() is loader.parameters


def test_registry_uses_the_base_environment_without_a_session(monkeypatch):
    monkeypatch.chdir(CONF.parent)
    assert current_parameters() == load_parameters(CONF)


def test_wrong_value_raises_input_error(local):
    with pytest.raises(InputError, match=r"train\.epochs"):
        local("train: {epochs: 0}")
