"""The closing words of a run: leaderboard, score, and what to type next."""

from typing import Any

import pandas as pd
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from rich.console import Console
from rich.table import Table

_COLUMNS = {
    "variant": ("variant", "{}"),
    "validation_rmse": ("validation\nRMSE px", "{:.3f}"),
    "holdout_rmse": ("hold-out\nRMSE px", "{:.3f}"),
    "holdout_rmse_A": ("A", "{:.3f}"),
    "holdout_rmse_B": ("B", "{:.3f}"),
    "holdout_nme": ("NME", "{:.4f}"),
    "holdout_failure_rate": ("failed", "{:.1%}"),
    "holdout_mse": ("MSE px²", "{:.2f}"),
    "holdout_paper_accuracy": ('paper\'s\n"accuracy"', "{:.3f}"),
    "parameters": ("parameters", "{:,.0f}"),
    "epochs": ("epochs", "{:.0f}"),
    "minutes": ("minutes", "{:.1f}"),
}


def print_summary(pipeline: Pipeline, catalog: DataCatalog, env: str | None) -> None:
    """Print what a run of ``pipeline`` has made, to standard output; nothing for a part of it."""
    made = pipeline.all_outputs()
    console = Console()
    if "leaderboard" in made:
        console.print(leaderboard_table(catalog.load("leaderboard")))
        console.print(
            'The paper\'s "accuracy" compares which of 30 coordinates is largest; it says nothing '
            "about distances.\nThe champion is chosen by validation RMSE, never by the hold-out."
        )
    if "submission_score" in made:
        print_score(console, catalog.load("submission_score"))
        path = getattr(catalog["submission"], "_filepath", "data/07_model_output")
        console.print(f"Submission: {path}", soft_wrap=True)
        print_next_commands(console, env, scored=catalog.load("submission_score")["values"] > 0)


def leaderboard_table(leaderboard: pd.DataFrame) -> Table:
    """The leaderboard for a terminal; the champion is the first row."""
    table = Table(title="Variants, best first")
    for heading, _ in _COLUMNS.values():
        table.add_column(heading, justify="left" if heading == "variant" else "right")
    for position, row in leaderboard.iterrows():
        cells = [
            "" if pd.isna(row[column]) else pattern.format(row[column])
            for column, (_, pattern) in _COLUMNS.items()
        ]
        table.add_row(*cells, style="bold" if position == 0 else None)
    return table


def print_score(console: Console, score: dict[str, Any]) -> None:
    """The offline score beside the mean face's, where there is an answer key."""
    if score["values"]:
        console.print(
            f"Offline score: [bold]{score['rmse']:.4f} px[/bold] RMSE over {score['values']:,} "
            f"values (always answering the mean face scores {score['mean_face_rmse']:.4f} px)"
        )


def print_next_commands(console: Console, env: str | None, scored: bool) -> None:
    """What a user would do next, as commands to type."""
    option = f" --env={env}" if env and env != "local" else ""
    console.print("\nNext:")
    lines = [
        (f"kedro viz{option}", "the pipeline with its tables and plots, in the browser"),
        (
            "mlflow ui --backend-store-uri sqlite:///mlflow.db",
            "runs and curves side by side, at http://127.0.0.1:5000",
        ),
    ]
    if scored:
        lines.append(("kedro run --pipeline=full", "the same on Kaggle's data (see README.md)"))
    else:
        lines.append((f"kedro run --pipeline=upload{option}", "send the submission to Kaggle"))
    width = max(len(command) for command, _ in lines)
    for command, purpose in lines:
        console.print(f"  {command:<{width}}  [dim]{purpose}[/dim]", soft_wrap=True)
