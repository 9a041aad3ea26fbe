import pytest
from click.testing import CliRunner
from kedro.config import MissingConfigException
from kedro.framework.startup import bootstrap_project
from mlflow.tracking import MlflowClient
from sessions import make_project

from facial_keypoints.cli import cli, user_message
from facial_keypoints.tracking.connection import TrackingSettings, connect
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
        ("--only-missing-outputs", "--only-missing-outputs is not supported"),
        ("--runner-params=max_workers=2", "--runner-params: "),
        ("--tags=trian", "no node of full has the tag 'trian' (did you mean 'train'?); its tags: "),
        ("--tags=clean,trian", "no node of full has the tag 'trian'"),
        (
            "--pipelines=clean --tags=train",
            "no node of clean has the tag 'train'; its tags: clean",
        ),
        (
            "--tags=clean --to-nodes=download_archive",
            "no node of full is selected by --to-nodes=download_archive --tags=clean together; "
            "kedro registry describe full lists its nodes",
        ),
        ("--params=study.only=tiny-2cl,tiny-3cl", "--params: 'tiny-3cl' is not name=value"),
        ("--from-nodes=nothing", "Pipeline does not contain nodes named ['nothing']"),
        ("--namespaces=nothing", "Pipeline does not contain nodes with the following namespaces"),
        ("--load-versions=nothing:1", "'load_versions' keys [nothing] are not found"),
        ("--pipelines=nothing", "unknown pipeline 'nothing'; valid names: augment, clean, compete"),
        ("--pipelines=competee", "unknown pipeline 'competee' (did you mean 'compete'?)"),
    ],
)
def test_wrong_option_is_reported_in_one_message_before_anything_runs(
    project, monkeypatch, option, message
):
    monkeypatch.chdir(project)
    monkeypatch.setattr(interruption, "listen", lambda: None)  # pytest keeps its own Ctrl-C
    bootstrap_project(project)
    result = CliRunner().invoke(cli, ["run", "--env=test", *option.split()])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert not (project / "data").exists()


@pytest.mark.parametrize(("option", "kind"), [("--env=tset", "environment"), ("", "KEDRO_ENV")])
def test_unknown_environment_is_reported_with_its_origin(project, monkeypatch, option, kind):
    monkeypatch.chdir(project)
    monkeypatch.setattr(interruption, "listen", lambda: None)
    if not option:
        monkeypatch.setenv("KEDRO_ENV", "tset")
    bootstrap_project(project)
    result = CliRunner().invoke(cli, ["run", *option.split()])
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: unknown {kind} 'tset' (did you mean 'test'?)")


def test_command_in_a_message_gets_the_options(project, monkeypatch):
    monkeypatch.chdir(project)
    monkeypatch.setattr(interruption, "listen", lambda: None)
    bootstrap_project(project)
    arguments = ["--env=test", "--params=train.epochs=1", "--pipeline=clean"]
    result = CliRunner().invoke(cli, ["run", *arguments])
    assert result.exit_code == 1
    assert "run: kedro run --env=test --params train.epochs=1 --pipeline=download" in result.stderr


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
        "+ joins the names of study.only",
    ):
        assert words in own
    for option in ("--pipeline", "--env", "--params", "--conf-source", "--from-nodes"):
        assert option in options
    assert "--async" not in options
    assert "--only-missing-outputs" not in options


def test_relocate_lets_mlflow_find_the_files_of_a_moved_project(tmp_path, monkeypatch):
    project = make_project(tmp_path / "old")
    connect(TrackingSettings(experiment="faces"), project)
    project = project.rename(tmp_path / "new")
    monkeypatch.chdir(project)
    bootstrap_project(project)
    result = CliRunner().invoke(cli, ["relocate", "--env=test"])
    assert result.exit_code == 0, result.output
    assert "MLflow's records name the files in this folder." in result.output
    experiment = MlflowClient(f"sqlite:///{project}/mlflow.db").get_experiment_by_name("faces")
    assert experiment.artifact_location == (project / "mlruns").as_uri()


def test_relocate_reports_a_damaged_database(tmp_path, monkeypatch):
    project = make_project(tmp_path / "project", database=False)
    (project / "mlflow.db").write_text("rubbish")
    monkeypatch.chdir(project)
    bootstrap_project(project)
    result = CliRunner().invoke(cli, ["relocate"])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: MLflow's store ")


@pytest.mark.parametrize("source", ["conf/test", "conf.zip"])
def test_user_message_names_what_conf_source_must_be(source):
    error = MissingConfigException(
        f"Given configuration path either does not exist or is not a valid directory: {source}/base"
    )
    assert user_message(error) == (
        "the configuration has no folder 'base'; --conf-source names a folder like conf, or an "
        "archive of it, which this makes: tar -czf conf.tar.gz conf"
    )
