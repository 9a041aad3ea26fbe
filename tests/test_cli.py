import io
import logging

import pytest
from click.testing import CliRunner
from kedro.framework.startup import bootstrap_project
from kedro.pipeline import node
from sessions import make_project

from facial_keypoints.cli import cli, configure_console, user_message
from facial_keypoints.errors import InputError
from facial_keypoints.training import interruption


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("cli") / "project")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--runner=ThreadRunner", "ThreadRunner is not supported"),
        ("--async", "--async is not supported"),
        ("--runner-params=is_async=True", "--async is not supported"),
        ("--runner=NoRunner", "there is no such runner"),
        ("--tags=nothing", "Pipeline contains no nodes after applying all provided filters"),
        ("--from-nodes=nothing", "Pipeline does not contain nodes named ['nothing']"),
        ("--namespaces=nothing", "Pipeline does not contain nodes with the following namespaces"),
        ("--load-versions=nothing:1", "'load_versions' keys [nothing] are not found"),
        ("--pipelines=nothing", "unknown pipeline 'nothing'; valid names: augment, clean, compete"),
        ("--pipelines=competee", "unknown pipeline 'competee' (did you mean 'compete'?)"),
        (
            "--env=tset",
            "unknown environment 'tset' (did you mean 'test'?)",
        ),
    ],
)
def test_wrong_option_is_reported_in_one_message_before_anything_runs(
    project, monkeypatch, option, message
):
    monkeypatch.chdir(project)
    monkeypatch.setattr(interruption, "listen", lambda: None)  # pytest keeps its own Ctrl-C
    bootstrap_project(project)
    result = CliRunner().invoke(cli, ["run", "--env=test", option])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert not (project / "data").exists()


def test_bug_has_no_user_message():
    assert user_message(ZeroDivisionError("division by zero")) is None


def test_help_starts_with_pipelines_environments_and_examples():
    text = CliRunner().invoke(cli, ["run", "--help"]).stdout
    own, _, options = text.partition("Options:")
    for words in (
        "full     all steps from the download to a submission (the default)",
        "kedro registry list",
        "demo     a small synthetic competition",
        "kedro run --pipeline=compete --params competition.minutes=60",
        "and + the items of a list",
    ):
        assert words in own
    for option in ("--pipeline", "--env", "--params", "--conf-source", "--from-nodes"):
        assert option in options
    assert "--async" not in options


@pytest.fixture
def console(monkeypatch):
    """What the handler "console" prints."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.name = "console"
    handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", "at"))
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    configure_console()
    return stream


def test_console_shows_the_level_of_warnings_and_errors_only(console):
    logger = logging.getLogger("facial_keypoints.test")
    logger.setLevel(logging.INFO)
    logger.info("%d faces", 3)
    logger.warning("%d %% of faces", 3)
    logger.error("no faces")
    assert console.getvalue() == "at  3 faces\nat  WARNING: 3 % of faces\nat  ERROR: no faces\n"


@pytest.mark.parametrize(
    ("error", "printed"), [(InputError("wrong file"), False), (ValueError("a bug"), True)]
)
def test_kedro_prints_errors_of_nodes_except_those_of_users(console, error, printed):
    def fail():
        raise error

    with pytest.raises(type(error)):
        node(fail, None, "out").run({})
    assert (str(error) in console.getvalue()) == printed
