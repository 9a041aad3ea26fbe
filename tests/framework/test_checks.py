import logging
from types import SimpleNamespace

import pytest
from kedro.config import OmegaConfigLoader
from kedro.runner import ParallelRunner, SequentialRunner, ThreadRunner
from parameters import CONF, base_parameters

from facial_keypoints.errors import InputError
from facial_keypoints.framework import checks
from facial_keypoints.framework.checks import (
    CheckHooks,
    check_tags,
    parameters_without_effect,
    unread_files,
)
from facial_keypoints.framework.config_loader import LOADER_ARGUMENTS

OPTIONS = {
    "runner": "None",
    "only_missing_outputs": False,
    "tags": (),
    "pipeline_names": None,
    "load_versions": None,
    "runtime_params": {},
}


@pytest.fixture
def check(monkeypatch):
    """Check a session's options, with three tagged nodes in the default pipeline."""
    nodes = [SimpleNamespace(tags={tag}) for tag in ("clean", "split", "train")]
    pipelines = {"__default__": SimpleNamespace(nodes=nodes)}
    monkeypatch.setattr(checks, "pipelines", {**pipelines, "full": pipelines["__default__"]})
    catalog = {"faces": SimpleNamespace(), "old": SimpleNamespace(_version="1")}

    def run(**options):
        hooks = CheckHooks()
        hooks._loader = SimpleNamespace(configured=base_parameters())
        next(
            hooks.before_pipeline_run({**OPTIONS, **options}, SimpleNamespace(nodes=nodes), catalog)
        )

    return run


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"runner": str(ThreadRunner())}, "ThreadRunner is not supported"),
        ({"runner": str(ParallelRunner())}, "ParallelRunner is not supported"),
        ({"only_missing_outputs": True}, "--only-missing-outputs is not supported"),
        (
            {"tags": ("clean", "trian")},
            r"no node of full has the tag 'trian' \(did you mean 'train'\?\); its tags: clean, sp",
        ),
        ({"load_versions": {"faces": "1"}}, "faces has no versions"),
    ],
)
def test_raises_input_error_for_an_option_that_cannot_be_followed(check, options, message):
    with pytest.raises(InputError, match=message):
        check(**options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"runner": str(SequentialRunner())},
        {"tags": ("clean", "train")},
        {"tags": None},
        {"load_versions": {"old": "1"}},
    ],
)
def test_usual_options_are_accepted(check, options):
    check(**options)


def test_raises_input_error_for_variables_of_keras(check, monkeypatch):
    monkeypatch.setenv("KERAS_MAX_EPOCHS", "1")
    with pytest.raises(InputError, match="KERAS_MAX_EPOCHS=1"):
        check()


def test_variables_of_keras_are_logged(check, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "facial_keypoints")
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    check()
    assert "TF_NUM_INTRAOP_THREADS=1" in caplog.messages[-1]


def test_unknown_tag_is_reported_with_the_names_of_the_pipelines(check):
    with pytest.raises(InputError, match="no node of full has the tag 'x'; its tags: clean, split"):
        check_tags(["x"], ["full"])


@pytest.mark.parametrize(
    ("given", "tag", "lines"),
    [
        ({}, "train", []),
        ({"train": {"max_minutes": 20}}, "train", []),
        ({"competition": {"minutes": 60}}, "compete", []),
        ({"competition": {"minutes": 60}, "train": {"epochs": 3}}, "clean", []),
        (
            {"competition": {"minutes": 60}},
            "train",
            ["competition.* has no effect here; it is for --pipeline=compete"],
        ),
        (
            {"study": {"only": "vgg16"}},
            "compete",
            ["study.* has no effect on compete, which trains its own ensemble"],
        ),
        (
            {"train": {"batch_size": 16, "precision": "float32"}},
            "compete",
            [
                "train.batch_size has no effect on competition, where it is 32; to change it, give "
                "competition.train.batch_size"
            ],
        ),
        (
            {"train": {"epochs": 20}},
            "train",
            [
                "train.epochs is for full scale: study.minutes multiplies it by the scale that it "
                "chooses; study.epochs fixes the number of epochs",
                "train.epochs has no effect on variants.15cl-5mpl-drop00, "
                "variants.15cl-5mpl-drop10, variants.15cl-5mpl-drop20, variants.15cl-5mpl-drop30, "
                "variants.15cl-5mpl-drop10-2dense and 1 more, where it is 150; to change it, give "
                "variants.15cl-5mpl-drop00.train.epochs",
            ],
        ),
    ],
)
def test_parameters_without_effect_are_reported(given, tag, lines):
    assert list(parameters_without_effect(given, base_parameters(), {tag})) == lines


@pytest.fixture
def conf(tmp_path):
    """An empty ``conf`` folder, and the lines about files in it that are not read."""
    conf = tmp_path / "conf"
    for name in ("base", "local", "paper"):
        (conf / name).mkdir(parents=True)
    (conf / "logging.yml").touch()

    def lines(*files, env=None):
        for file in files:
            (conf / file).parent.mkdir(exist_ok=True)
            (conf / file).touch()
        return list(unread_files(OmegaConfigLoader(str(conf), env=env, **LOADER_ARGUMENTS)))

    return lines


@pytest.mark.parametrize(
    "file",
    [
        "local/params.yml",
        "local/parameters.yaml.txt",
        "local/Parameters.yml",
        "local/parameters.YML",
        "local/globals.yaml",
        "local/logging.yml",
        "parameters.yml",
    ],
)
def test_file_whose_name_kedro_does_not_read_is_reported(conf, file):
    (line,) = conf(file)
    assert line.startswith(f"Not read: conf/{file}; the name of a configuration file")


@pytest.mark.parametrize(
    "file",
    [
        "local/parameters.yml",
        "local/parameters_train.yaml",
        "local/parameters/train.json",
        "local/catalog.yml",
        "local/mlflow.yml",
        "local/globals.yml",
        "local/credentials.yml",
        "local/parameters.yml~",
        "local/README.md",
        "local/.parameters.yml",
        "paper/anything.yml",
    ],
)
def test_files_that_are_read_or_no_configuration_are_not_reported(conf, file):
    assert conf(file) == []


def test_local_files_are_reported_with_another_environment(conf):
    assert conf("local/parameters.yml", "paper/parameters.yml", env="paper") == [
        "Not read with --env=paper: conf/local/parameters.yml; for this environment, write to "
        "conf/paper, or give the values by --params"
    ]


def test_environments_of_the_project_have_no_unread_files():
    for env in ("test", "demo", "paper"):
        loader = OmegaConfigLoader(str(CONF), env=env, **LOADER_ARGUMENTS)
        assert not [line for line in unread_files(loader) if line.startswith("Not read:")]


def test_archive_of_configuration_is_not_searched(tmp_path):
    loader = SimpleNamespace(conf_source=str(tmp_path / "conf.tar.gz"), default_run_env="local")
    assert list(unread_files(loader)) == []


def test_environment_of_kedro_env_is_logged(monkeypatch, caplog):
    caplog.set_level(logging.INFO, "facial_keypoints")
    monkeypatch.setattr(checks, "unread_files", lambda loader: ["Not read: x"])
    monkeypatch.setenv("KEDRO_ENV", "test")
    CheckHooks().after_context_created(SimpleNamespace(env="test", config_loader=None))
    assert caplog.messages == ["KEDRO_ENV: the environment is test", "Not read: x"]
