import pytest
from click.testing import CliRunner
from kedro.framework.startup import bootstrap_project
from sessions import make_project

from facial_keypoints.cli import cli, user_message
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
