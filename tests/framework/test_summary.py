from pathlib import PurePosixPath
from types import SimpleNamespace

import click
import mlflow
import pandas as pd
import pytest
from kedro.io import MemoryDataset
from rich.console import Console

from facial_keypoints.archive.submission import SubmissionScore
from facial_keypoints.cli import cli
from facial_keypoints.framework import summary
from facial_keypoints.framework.next_commands import print_next_commands
from facial_keypoints.framework.summary import leaderboard_table, print_score
from facial_keypoints.kaggle.records import KaggleScore

LEADERBOARD = pd.DataFrame(
    {
        "variant": ["15cl-5mpl-quarter", "(mean face)"],
        "validation_rmse": [1.5, 4.0],
        "holdout_rmse": [1.625, 4.25],
        "unseen_rmse": [1.625, 4.25],
        "holdout_rmse_a": [1.0, 4.0],
        "holdout_rmse_b": [2.0, None],
        "holdout_nme": [0.05, 0.2],
        "holdout_failure_rate": [0.125, 0.9],
        "holdout_mse": [3.0, 50.0],
        "holdout_paper_accuracy": [0.9, 0.6],
        "parameters": [28_775_230, None],
        "epochs": [3, None],
        "minutes": [20.0, None],
    }
)


def printed(write, *arguments, width=120, **options):
    console = Console(record=True, width=width, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    write(console, *arguments, **options)
    return console.export_text()


@pytest.mark.parametrize("width", [80, 120])
def test_leaderboard_fits_a_terminal(width):
    text = printed(lambda console: console.print(leaderboard_table(LEADERBOARD, 0.1)), width=width)
    for figure in (
        "15cl-5mpl-quarter",
        "1.500",
        "1.625",
        "12.5%",
        "0.900",
        "28.78M",
        "20.0",
        "4.250",
    ):
        assert figure in text
    assert "nan" not in text
    assert "…" not in text


@pytest.mark.parametrize("leaks", [False, True])
@pytest.mark.parametrize("suffix", ["", "-seed1"])
def test_headings_and_long_names_fit_80_columns(leaks, suffix):
    board = LEADERBOARD.assign(variant=[f"15cl-5mpl-drop10-2dense{suffix}", "(mean face)"])
    if leaks:
        board = board.assign(unseen_rmse=[2.125, 4.375])
    text = printed(lambda console: console.print(leaderboard_table(board, 0.1)), width=80)
    for heading in ("validation", "hold-out", "NME", "> 0.1", "params", "time,"):
        assert heading in text
    names = "".join(line.partition(" ")[0] for line in text.splitlines())
    assert f"15cl-5mpl-drop10-2dense{suffix}" in names
    assert "1.625" in text
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(("holdout", "advised"), [(1.625, False), (4.25, True), (None, False)])
def test_champion_no_better_than_the_mean_face_is_reported(holdout, advised):
    board = LEADERBOARD.assign(holdout_rmse=[holdout, 4.25], failure=None)
    text = printed(summary._print_leaderboard, board, 0.08)
    assert ("not better than the mean face" in text) == advised
    assert "> 0.08" in text
    assert '"(mean face)" predicts the mean positions' in text


@pytest.mark.parametrize(
    ("flagged", "line"),
    [
        ([False, False], "No label is probably wrong; issues.csv lists the most suspicious ones"),
        ([True, False], "1 label probably wrong: the first rows of issues.csv"),
        ([True, True], "2 labels probably wrong: the first rows of issues.csv"),
    ],
)
def test_number_of_label_issues_is_printed(flagged, line):
    issues = pd.DataFrame({"flagged": flagged})
    text = printed(summary._print_label_issues, issues, PurePosixPath("issues.csv"))
    assert line in text.splitlines()


def test_leaderboard_of_a_split_by_sample_shows_unseen_faces():
    leaky = LEADERBOARD.assign(
        variant=["15cl-5mpl-drop10-2dense", "(mean face)"], unseen_rmse=[2.125, 4.375]
    )
    text = printed(lambda console: console.print(leaderboard_table(leaky, 0.1)), width=80)
    for figure in ("15cl-5mpl-drop10-2dense", "1.625", "2.125", "28.78M", "20.0"):
        assert figure in text
    unmeasured = printed(
        lambda console: console.print(leaderboard_table(leaky.assign(unseen_rmse=None), 0.1))
    )
    assert "nan" not in unmeasured.lower()


def test_score_is_printed_with_that_of_the_mean_face_where_there_is_one():
    text = printed(print_score, SubmissionScore(1.6, 3.7, 6062))
    assert "1.6000 px" in text
    assert "3.7000 px" in text
    assert not printed(print_score, SubmissionScore())


def test_next_commands_follow_the_environment_and_the_score():
    synthetic = printed(print_next_commands, "demo", "full", scored=True)
    assert "kedro viz run --env=demo" in synthetic
    assert "kedro run --pipeline=full" in synthetic
    assert "upload" not in synthetic
    assert "kedro run --pipeline=compete" in printed(
        print_next_commands, "demo", "compete", scored=True
    )
    real = printed(print_next_commands, None, "full", scored=False)
    assert "kedro run --pipeline=upload" in real
    assert "--env" not in real


@pytest.mark.parametrize("status", ["complete", "pending"])
def test_score_of_kaggle_is_printed_after_an_upload(monkeypatch, capsys, status):
    receipt = ("facial-keypoints-detection", 1, "", "", None)
    score = KaggleScore(*receipt, status, public_score=1.5, private_score=1.625)
    catalog = {
        "submission_score": MemoryDataset(SubmissionScore()),
        "kaggle_score": MemoryDataset(score),
        "submission": SimpleNamespace(path="data/submission.csv"),
    }
    outputs = SimpleNamespace(all_outputs=lambda: {"submission_score", "kaggle_score"})
    loader = SimpleNamespace(load=lambda name: catalog[name].load())
    monkeypatch.setattr(summary, "_path", lambda loader, name: catalog[name].path)
    summary.print_summary(outputs, loader, None)
    text = capsys.readouterr().out
    assert ("Kaggle's score: public 1.5, private 1.625" in text) == (status == "complete")
    assert ("upload.wait_only" in text) == (status == "pending")


@pytest.mark.parametrize(
    ("sent", "following"),
    [
        (None, "kedro run --pipeline=upload --env=paper\n"),
        ("pending", "kedro run --pipeline=upload --env=paper --params upload.wait_only=true"),
        ("complete", None),
    ],
)
def test_next_command_follows_what_kaggle_has_done(sent, following):
    text = printed(print_next_commands, "paper", "full", scored=False, sent=sent)
    assert (following in text) if following else ("upload" not in text)


def test_next_command_on_real_data_overrules_kedro_env(monkeypatch):
    monkeypatch.setenv("KEDRO_ENV", "demo")
    text = printed(print_next_commands, "demo", "full", scored=True)
    assert "kedro run --pipeline=full --env=local" in text


def test_next_commands_name_the_store_that_was_used(monkeypatch):
    monkeypatch.setattr(mlflow, "get_tracking_uri", lambda: "http://server:5000")
    text = printed(print_next_commands, None, "full", scored=False)
    assert "  http://server:5000\n" in text
    assert "mlflow ui" not in text


def test_activation_is_a_next_command_unless_active(monkeypatch):
    monkeypatch.setenv("VIRTUAL_ENV", "somewhere")
    assert "activate" not in printed(print_next_commands, None, "full", scored=False)
    monkeypatch.delenv("VIRTUAL_ENV")
    monkeypatch.setattr("sys.prefix", "/opt/environment")
    assert ". /opt/environment/bin/activate" in printed(
        print_next_commands, None, "full", scored=False
    )


def test_next_commands_have_the_options_of_the_run():
    options = ["--conf-source=conf", "--runner=SequentialRunner", "--env=demo"]
    with cli.commands["run"].make_context("run", options):
        scored = printed(print_next_commands, "demo", "full", scored=True)
        unscored = printed(print_next_commands, "paper", "full", scored=False)
    assert "kedro run --pipeline=full --conf-source=conf --runner=SequentialRunner\n" in scored
    assert "kedro run --pipeline=upload --env=paper --conf-source=conf\n" in unscored


def test_paths_are_relative_to_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    catalog = {
        "here": SimpleNamespace(location=tmp_path / "data/a.csv"),
        "elsewhere": SimpleNamespace(location="s3://bucket/a.csv"),
    }
    assert summary._path(catalog, "here") == "data/a.csv"
    assert summary._path(catalog, "elsewhere") == "s3://bucket/a.csv"


def test_summary_has_no_colours_but_its_own(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    printed_score = SubmissionScore(1.5, 4.0, 100)
    catalog = {"submission_score": printed_score, "submission": None}
    outputs = SimpleNamespace(all_outputs=lambda: {"submission_score"})
    monkeypatch.setattr(summary, "_path", lambda catalog, name: PurePosixPath("/a/[red]/b.csv"))
    summary.print_summary(outputs, SimpleNamespace(load=catalog.get), "demo")
    text = capsys.readouterr().out
    assert "Submission: /a/[red]/b.csv\n" in text
    assert "Offline score: \x1b[1m1.5000 px\x1b[0m RMSE over 100 values" in text


def test_next_commands_have_the_parameters_of_the_run():
    texts = ["study.only=a+b", "train.loss='huber'", "download.source=x.zip"]
    with click.Context(click.Command("run")) as context:
        context.meta["params"] = texts
        text = printed(print_next_commands, None, "full", scored=False)
    assert (
        """kedro run --pipeline=upload --params study.only=a+b --params 'train.loss='"'"'huber"""
        in text
    )
    assert "download" not in text
