"""Runs never print or store credentials."""

import subprocess
import sys
from pathlib import Path

import pytest
from fake_kaggle import SECRETS, FakeKaggle, give_credentials, leaks
from sessions import make_project, read, run

WRONG_TOKEN = "KGAT_wrong-planted-token-77aa"  # noqa: S105
WRONG_KEY = "wrong-planted-key-41bc"

KEDRO_WITH_FAKE_KAGGLE = """
import sys
from kagglesdk import kaggle_env
kaggle_env._env_to_endpoint[kaggle_env.KaggleEnv.PROD] = sys.argv.pop(1)
from facial_keypoints.kaggle import client as kaggle_client
from facial_keypoints.kaggle import session as kaggle_session
kaggle_client.sleep = kaggle_session.sleep = lambda seconds: None
from kedro.framework.cli.cli import main
main()
"""


def typed(project: Path, kaggle: FakeKaggle, pipeline: str, **parameters: str) -> str:
    """What `kedro run --pipeline=...` prints."""
    given = {"download.source": "kaggle", "study.only": "tiny-2cl", **parameters}
    command = [sys.executable, "-c", KEDRO_WITH_FAKE_KAGGLE, kaggle.url, "run", "--env=test"]
    command += [f"--pipelines={pipeline}", "--params"]
    command.append(",".join(f"{name}={value}" for name, value in given.items()))
    done = subprocess.run(
        command, cwd=project, capture_output=True, text=True, check=False, timeout=300
    )
    return f"exit {done.returncode}\n{done.stdout}{done.stderr}"


def log_everything(project: Path) -> None:
    """Set all loggers to DEBUG."""
    logging = project / "conf" / "logging.yml"
    logging.write_text(logging.read_text().replace("INFO", "DEBUG").replace("WARNING", "DEBUG"))


@pytest.mark.session
@pytest.mark.slow
@pytest.mark.fault(
    "Secrets",
    "wrong credentials (401) and 500, whose messages repeat the credentials",
    "in no output, log, MLflow run, report or other file, also after successful runs",
)
def test_credentials_are_never_printed_or_stored(
    kaggle: FakeKaggle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    project = make_project(tmp_path / "project")
    monkeypatch.chdir(project)
    monkeypatch.setenv("VERBOSE", "1")  # has the kaggle package print its requests
    run(project, "download")  # the synthetic archive, for Kaggle to serve
    archive = project / "data" / "test" / "01_raw" / "facial-keypoints-detection.zip"
    kaggle.archive = archive.read_bytes()
    archive.unlink()

    printed = [typed(project, kaggle, "full")]
    log_everything(project)
    printed.append(typed(project, kaggle, "upload"))
    monkeypatch.setenv("KAGGLE_API_TOKEN", WRONG_TOKEN)
    refused = [typed(project, kaggle, "upload")]
    give_credentials(monkeypatch, tmp_path / "home", "name and key")
    archive.unlink()
    printed.append(typed(project, kaggle, "download"))
    printed.append(typed(project, kaggle, "upload", **{"upload.force": "true"}))
    kaggle.fail("ListSubmissions", 500, message=f"you sent {SECRETS}")
    failed = [typed(project, kaggle, "upload")]
    monkeypatch.setenv("KAGGLE_KEY", WRONG_KEY)
    refused.append(typed(project, kaggle, "upload"))
    give_credentials(monkeypatch, tmp_path / "home", "token")
    failed.append(typed(project, kaggle, "upload"))

    for text in printed:
        assert text.startswith("exit 0"), text
    for text in refused:
        assert text.startswith("exit 1"), text
        assert "does not accept the credentials" in text
    for text in failed:
        assert text.startswith("exit 1"), text
        assert "server failed (500)" in text
    everything = "\n".join([*printed, *refused, *failed])
    score = read(project / "data" / "test" / "08_reporting" / "kaggle_score.json")
    traced = list(leaks(project, everything, score["fingerprint"]))  # that the search finds things
    assert {"printed", str(project / "mlflow.db")} <= set(traced)
    assert any(place.startswith(str(project / "logs")) for place in traced)
    for secret in (*SECRETS, WRONG_TOKEN, WRONG_KEY):
        assert list(leaks(project, everything, secret)) == []
