"""The summary of a run: leaderboard, score and the next commands."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from facial_keypoints.archive.submission import SubmissionScore
from facial_keypoints.evaluation.leaderboard import MEAN_FACE
from facial_keypoints.export.records import ExportReport
from facial_keypoints.formatting import format_count
from facial_keypoints.framework.next_commands import print_next_commands
from facial_keypoints.pipelines.compete.estimate import Interval
from facial_keypoints.pipelines.compete.score import ScoreEstimate
from facial_keypoints.training.hardware import peak_memory
from facial_keypoints.training.records import STOPPED_BY_STUDY

_COLUMNS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "variant": ("Variant", str),
    "validation_rmse": ("validation", "{:.3f}".format),
    "holdout_rmse": ("hold-out", "{:.3f}".format),
    "unseen_rmse": ("unseen", "{:.3f}".format),
    "holdout_rmse_a": ("A", "{:.3f}".format),
    "holdout_rmse_b": ("B", "{:.3f}".format),
    "holdout_failure_rate": ("NME\n> {threshold:g}", "{:.1%}".format),
    "holdout_paper_accuracy": ("paper\nacc.", "{:.3f}".format),
    "parameters": ("params", lambda count: f"{count / 1e6:.2f}M"),
    "minutes": ("time,\nmin", "{:.1f}".format),
}


def print_summary(pipeline: Pipeline, catalog: DataCatalog, env: str | None) -> None:
    """Print the results of a run to standard output; nothing for a part of a pipeline.

    Args:
        pipeline: The pipeline that ran.
        catalog: Its datasets.
        env: The run's Kedro environment.
    """
    outputs = pipeline.all_outputs()
    console = Console(highlight=False, markup=False)
    if "leaderboard" in outputs:
        threshold = catalog.load("params:evaluate").failure_threshold
        _print_leaderboard(console, catalog.load("leaderboard"), threshold)
    if "study_page" in outputs:
        page = _path(catalog, "study_page")
        console.print(f"Curves, errors and tables on one page: {page}\n", soft_wrap=True)
    if "photo_results" in outputs:
        _print_photos(console, catalog)
    if "video_points" in outputs:
        console.print(f"Points of each frame: {_path(catalog, 'video_points')}", soft_wrap=True)
        console.print(f"Annotated video: {_path(catalog, 'annotated_video')}", soft_wrap=True)
    if "score_estimate" in outputs:
        console.print(estimate_table(catalog.load("score_estimate")))
        _print_label_issues(console, catalog.load("label_issues"), _path(catalog, "label_issues"))
    if "submission_score" in outputs:
        score = catalog.load("submission_score")
        print_score(console, score)
        console.print(f"Submission: {_path(catalog, 'submission')}", soft_wrap=True)
        sent = catalog.load("kaggle_score") if "kaggle_score" in outputs else None
        if sent is not None and sent.status == "complete":
            console.print(
                f"Kaggle's score: public {sent.public_score}, private {sent.private_score}",
                style="bold",
            )
        console.print(f"Peak memory of the main process: {peak_memory() / 1024:.1f} GiB")
        name = "compete" if "score_estimate" in outputs else "full"
        run_id = catalog.load("session").mlflow_run_id if "leaderboard" in outputs else None
        scored = score.num_values > 0
        print_next_commands(console, env, name, scored, sent and sent.status, run_id)
    if "export_report" in outputs:
        console.print(export_table(catalog.load("export_report")))
        folder = _path(catalog, "onnx_file").rpartition("/")[0]
        console.print(f"Files: {folder}/facial_keypoints*", soft_wrap=True)


def _print_photos(console: Console, catalog: DataCatalog) -> None:
    photos = catalog.load("photo_results").photos
    faces = sum(len(photo.faces) for photo in photos)
    without = sum(not photo.faces for photo in photos)
    console.print(
        f"{format_count(faces, 'face')} on {format_count(len(photos), 'photo')}"
        + (f", {without} of them without a face" if without else "")
    )
    for name, what in (
        ("photo_points", "a row per face"),
        ("photo_results", "the same as JSON"),
        ("annotated_photos", "photos with boxes and points"),
        ("contact_sheet", "all faces"),
    ):
        console.print(Text.assemble(f"  {_path(catalog, name)}  ", (what, "dim")), soft_wrap=True)


def _print_leaderboard(
    console: Console, leaderboard: pd.DataFrame, failure_threshold: float
) -> None:
    console.print(leaderboard_table(leaderboard, failure_threshold))
    for _, row in leaderboard.dropna(subset="failure").iterrows():
        console.print(f"{row['variant']} failed: {row['failure']}", style="red", soft_wrap=True)
    if "ended_by" in leaderboard:
        stopped = leaderboard.loc[leaderboard["ended_by"] == STOPPED_BY_STUDY, "variant"]
        if len(stopped):
            console.print(
                f"Stopped by study.minutes, so not comparable: {', '.join(stopped)}. The same "
                "command trains them to the end",
                style="yellow",
                soft_wrap=True,
            )
    console.print(
        "\nRMSE in px, with populations A and B weighted as on Kaggle's leaderboard. The\n"
        "champion has the lowest RMSE on the validation set; the hold-out never decides.\n"
        "The paper's accuracy is the fraction of faces whose largest coordinate is the\n"
        f'right one of the 30. "{MEAN_FACE}" predicts the mean positions for every image.\n'
        "NME: mean error divided by the distance between the eyes; the table has the\n"
        "fraction of faces above the limit.\n",
        soft_wrap=True,
    )
    champion, mean_face = leaderboard.iloc[0], leaderboard.iloc[-1]
    if champion["holdout_rmse"] >= mean_face["holdout_rmse"]:
        console.print(
            "The champion is not better than the mean face on the hold-out: train longer (raise\n"
            "train.epochs or train.max_minutes).\n",
            style="yellow",
            soft_wrap=True,
        )


def _print_label_issues(console: Console, label_issues: pd.DataFrame, path: str) -> None:
    flagged = int(label_issues["flagged"].astype(bool).sum())
    console.print(
        "RMSE in px on faces that the models were not trained on, corrected for the\n"
        "averaging of models; 95 % intervals. Kaggle's score lies between the two columns\n"
        "if its hidden labels contain some wrong ones.\n"
        + (
            f"{format_count(flagged, 'label')} probably wrong: the first rows of {path}\n"
            if flagged
            else f"No label is probably wrong; {path} lists the most suspicious ones\n"
        ),
        soft_wrap=True,
    )


def _path(catalog: DataCatalog, name: str) -> str:
    """Return where a dataset lies, relative to the current folder where it is inside."""
    dataset: Any = catalog[name]
    return str(dataset.location).removeprefix(f"{Path.cwd()}/")


def leaderboard_table(leaderboard: pd.DataFrame, failure_threshold: float) -> Table:
    """Return the leaderboard as a table for a terminal; the champion is the first row.

    Args:
        leaderboard: From ``rank_variants``.
        failure_threshold: NME above which a face counts as failed.
    """
    table = Table(
        title="RMSE of the variants, best first",
        box=box.SIMPLE_HEAD,
        padding=0,
        show_edge=False,
        title_justify="left",
    )
    columns = dict(_COLUMNS)
    leaks = not leaderboard["unseen_rmse"].equals(leaderboard["holdout_rmse"])
    # 80 characters hold one of them; populations on a leaky hold-out are of little interest
    for column in ("holdout_rmse_a", "holdout_rmse_b") if leaks else ("unseen_rmse",):
        del columns[column]
    for heading, _ in columns.values():
        table.add_column(
            heading.format(threshold=failure_threshold),
            justify="left" if heading == "Variant" else "right",
            no_wrap=heading != "Variant",  # a long name takes two lines rather than the numbers
            overflow="fold",
        )
    for position, row in leaderboard.iterrows():
        cells = [
            "" if pd.isna(row[column]) else show(row[column])
            for column, (_, show) in columns.items()
        ]
        table.add_row(*cells, style="bold" if position == 0 else None)
    return table


def estimate_table(estimate: ScoreEstimate) -> Table:
    """Return the score estimate as a table for a terminal: by population, without label issues and
    with all labels.
    """
    table = Table(
        title=f"Expected score of {format_count(estimate.members, 'model')}",
        box=box.SIMPLE_HEAD,
        title_justify="left",
    )
    table.add_column("")
    columns = {
        "without label issues": estimate.without_label_issues,
        "with all labels": estimate.with_label_issues,
    }
    for heading in columns:
        table.add_column(heading, justify="right")
    rows = dict.fromkeys(name for column in columns.values() for name in column)
    for name in sorted(rows, key=lambda name: name == "leaderboard"):
        cells = [_with_interval(column.get(name)) for column in columns.values()]
        heading = name if name == "leaderboard" else f"population {name}"
        table.add_row(heading, *cells, style="bold" if name == "leaderboard" else None)
    return table


def export_table(report: ExportReport) -> Table:
    """Return the comparison of exported files as a table for a terminal."""
    measured = f"; RMSE on the {report.truth}" if report.truth else ""
    table = Table(
        title=f"{report.variant} on {format_count(report.faces, 'face')}{measured}; times on one "
        f"core of {report.processor}",
        box=box.SIMPLE_HEAD,
        title_justify="left",
    )
    table.add_column("Format")
    for heading in (
        "MB",
        "max. difference\nfrom Keras, px",
        "RMSE,\npx",
        "1 face,\nms",
        "64 faces,\nms",
    ):
        table.add_column(heading, justify="right")
    for each in report.formats:
        table.add_row(
            each.format,
            f"{each.megabytes:.2f}",
            f"{each.max_difference:.2g}",
            "unknown" if each.rmse is None else f"{each.rmse:.4f}",
            f"{each.milliseconds_1:.2f}",
            f"{each.milliseconds_64:.1f}",
        )
    return table


def _with_interval(interval: Interval | None) -> str:
    if interval is None or interval.rmse is None or interval.low is None:
        return "unknown"
    return f"{interval.rmse:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def print_score(console: Console, score: SubmissionScore) -> None:
    """Print the offline score and that of the mean face, where there is an answer key.

    Args:
        console: Where to print.
        score: The score; without values there was no answer key.
    """
    if score.num_values:
        own = f"{score.rmse:.4f} px"
        rest = (
            f" RMSE over {score.num_values:,} values (the mean face: {score.mean_face_rmse:.4f} px)"
        )
        console.print(Text.assemble("Offline score: ", (own, "bold"), rest), soft_wrap=True)
