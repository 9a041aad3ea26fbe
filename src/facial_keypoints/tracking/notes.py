"""Notes of runs: what MLflow shows as their description, in Markdown.

A note is made from what MLflow has of the run and its children, so that it can be made again at any
time, also for a run that was killed.
"""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NOTE

from facial_keypoints.formatting import format_count, format_duration
from facial_keypoints.tracking.views import view_page

ERROR_TAG: Final = "error"
COMMAND_TAG: Final = "kedro_command"
CHAMPION_TAG: Final = "champion"
_STATES: Final = {
    "SCHEDULED": "Waiting",
    "RUNNING": "Running",
    "FINISHED": "Finished",
    "FAILED": "Failed",
    "KILLED": "Interrupted",
}
_SOURCES: Final = {
    "synthetic": "the synthetic competition",
    "kaggle": "Kaggle's competition",
    "archive": "an archive of the user",
    "auto": "Kaggle's competition",
}
_COLUMNS: Final[dict[str, tuple[str, Callable[[float], str]]]] = {
    "validation_rmse": ("validation", "{:.3f}".format),
    "holdout_rmse": ("hold-out", "{:.3f}".format),
    "unseen_rmse": ("unseen", "{:.3f}".format),
    "leak": ("leak", "{:.1f}".format),
    "estimated_rmse": ("expected", "{:.3f}".format),
    "label_issues": ("label issues", "{:.0f}".format),
    "parameters": ("parameters", lambda count: f"{count / 1e6:.2f} M"),
    "minutes": ("minutes", "{:.1f}".format),
}
"""Metrics of the table, with their headings."""
_SPACE: Final = "&nbsp; "
"""Before a heading, and as a line: MLflow's tables have no space around their cells."""
_REPORTS: Final = {
    "study.html": "curves, errors and tables on one page",
    "best_and_worst.png": "faces with the lowest and the highest error",
    "error_per_point.png": "hold-out error of each keypoint",
    "leaderboard.json": "all variants with their metrics",
    "face_grid.png": "some training faces with their labels",
    "label_issues.csv": "labels that are probably wrong, the most suspicious first",
    "label_issue_grid.png": "their faces",
    "score_estimate.json": "the expected score of each population",
    "submission.csv": "the submission",
    "export_report.json": "size, speed and error of the exported files",
}


def children_of(run_id: str) -> list[Run]:
    """Return the children of a parent run, the earliest first."""
    client = MlflowClient()
    experiment = client.get_run(run_id).info.experiment_id
    of_parent = f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{run_id}'"
    return list(client.search_runs([experiment], of_parent, order_by=["start_time ASC"]))


def write_note(run_id: str) -> None:
    """Write the note of a parent run."""
    client = MlflowClient()
    children = children_of(run_id)
    holders = [run_id, *(child.info.run_id for child in children if len(children) == 1)]
    artifacts = {f.path: holder for holder in holders for f in client.list_artifacts(holder)}
    note = describe_session(client.get_run(run_id), children, artifacts)
    client.set_tag(run_id, MLFLOW_RUN_NOTE, note)


def write_child_note(run_id: str) -> None:
    """Write the note of a variant's run."""
    client = MlflowClient()
    client.set_tag(run_id, MLFLOW_RUN_NOTE, describe_variant(client.get_run(run_id)))


def describe_session(run: Run, children: Sequence[Run], artifacts: Mapping[str, str]) -> str:
    """Return the note of a parent run: what ran, on which data, results, and what to do next.

    Args:
        run: The parent run.
        children: Its children.
        artifacts: Names of files, with the id of the run that has them.
    """
    parts = [
        _state(run),
        f"`{run.data.tags.get(COMMAND_TAG, 'kedro run')}`",  # a code block would not wrap
        _data(run),
        _scores(run),
        "\n".join(_table(run, children)),
        "\n".join(_where_to_look(run, children, artifacts)),
        _next_command(run),
    ]
    return "\n\n".join(filter(None, parts))


def describe_variant(run: Run) -> str:
    """Return the note of a variant's run: the model, its training and its errors."""
    tags, params, metrics = run.data.tags, run.data.params, run.data.metrics
    name = tags.get("variant", "model")
    if "failure" in tags:
        return f"**{name}** failed: {tags['failure']}"
    parts = [f"**{name}**: architecture `{params.get('architecture', 'heatmap_unet')}`"]
    if "members" in params:
        parts.append(format_count(int(params["members"]), "member"))
    if "parameters" in metrics:
        parts.append(f"{metrics['parameters'] / 1e6:.2f} M parameters")
    if "epochs" in metrics:
        minutes = format_duration(60 * metrics.get("minutes", 0.0))
        ended = tags.get("ended_by")
        parts.append(f"{metrics['epochs']:.3g} epochs in {minutes}")
        parts[-1] += f" (ended by: {ended})" if ended else ""
    errors = [
        f"{heading} {show(metrics[key])} px"
        for key, (heading, show) in _COLUMNS.items()
        if key in metrics and key.endswith("rmse")
    ]
    text = ", ".join(parts) + "."
    if errors:
        text += f"\n\nRMSE: {', '.join(errors)}."
    if "estimated_rmse_low" in metrics:
        low, high = metrics["estimated_rmse_low"], metrics["estimated_rmse_high"]
        text += f" 95 % interval of the expected RMSE: {low:.3f} to {high:.3f} px."
    if "reused_from" in tags:
        text += f"\n\nReused: {_link('trained by an earlier run', run, tags['reused_from'])}."
    parent = tags.get(MLFLOW_PARENT_RUN_ID)
    return text + (f"\n\n{_link('All models of this command', run, parent)}" if parent else "")


def _state(run: Run) -> str:
    info, error = run.info, run.data.tags.get(ERROR_TAG)
    started = datetime.fromtimestamp(info.start_time / 1000).astimezone()
    text = f"**{_STATES.get(info.status, info.status)}**"
    if info.end_time:
        text += f" after {format_duration((info.end_time - info.start_time) / 1000)}"
    text += f", started {started:%Y-%m-%d %H:%M}"
    commit = run.data.tags.get("git_commit", "unknown")
    text += "." if commit == "unknown" else f", commit `{commit}`."
    return f"{text}\n\nError: {error}" if error else text


def _data(run: Run) -> str:
    source = run.data.params.get("download.source")
    if source is None:
        return ""
    rows, tests = (run.data.metrics.get(f"data/{n}") for n in ("training_rows", "test_images"))
    counts = f": {rows:,.0f} training images, {tests:,.0f} test images" if rows and tests else ""
    return f"Data: {_SOURCES.get(source, source)} (`download.source={source}`){counts}."


def _table(run: Run, children: Sequence[Run]) -> Iterator[str]:
    """The children with their errors, the lowest first."""
    if not children:
        return
    metrics = [child.data.metrics for child in children]
    keys = [key for key in _COLUMNS if any(key in each for each in metrics)]
    if all(each.get("unseen_rmse") == each.get("holdout_rmse") for each in metrics):
        keys = [key for key in keys if key not in {"unseen_rmse", "leak"}]  # there is no leak
    units = {key: " (px)" if key.endswith("rmse") else "" for key in keys}
    headings = [*(f"{_COLUMNS[key][0]}{units[key]}" for key in keys), "status"]
    headings = ["variant", *(f"{_SPACE}{heading}" for heading in headings)]
    yield "**RMSE of the variants, best first**\n"
    yield f"| {' | '.join(headings)} |"
    yield "|---|" + "--:|" * len(keys) + "---|"

    def order(child: Run) -> float:
        return float(child.data.metrics.get("validation_rmse", float("inf")))

    champion = run.data.tags.get(CHAMPION_TAG)
    for child in sorted(children, key=order):
        name = child.data.tags.get("variant", child.info.run_name)
        shown = _link(name, child, child.info.run_id)
        cells = [
            _COLUMNS[key][1](child.data.metrics[key]) if key in child.data.metrics else ""
            for key in keys
        ]
        state = _STATES.get(child.info.status, child.info.status).lower()
        first = f"**{shown}** (champion)" if name == champion else shown
        yield f"| {' | '.join([first, *cells, state])} |"
    mean_face = run.data.metrics.get("mean_face_rmse")
    if mean_face is not None and "holdout_rmse" in keys:
        cells = [f"{mean_face:.3f}" if key == "holdout_rmse" else "" for key in keys]
        yield f"| (mean face) | {' | '.join(cells)} | |"
    yield f"\n{_SPACE.strip()}"


def _scores(run: Run) -> str:
    metrics = run.data.metrics
    if "submission_rmse" not in metrics:
        return ""
    return (
        f"Submission: **{metrics['submission_rmse']:.3f} px** on the known test labels (the mean "
        f"face: {metrics.get('submission_mean_face_rmse', float('nan')):.3f} px)."
    )


def _where_to_look(
    run: Run, children: Sequence[Run], artifacts: Mapping[str, str]
) -> Iterator[str]:
    found = [(name, purpose) for name, purpose in _REPORTS.items() if name in artifacts]
    if not (found or len(children) > 1):
        return
    yield "**Where to look**\n"
    if len(children) > 1:
        ids = [child.info.run_id for child in children]
        yield f"- {_comparison(run, ids)}: curves, scatter and parallel coordinates"
        page = view_page(run.info.experiment_id)
        yield f"- [All variants of all runs]({page}): their metrics, the lowest error first"
    for name, purpose in found:
        yield f"- {_link(name, run, artifacts[name], 'artifacts')}: {purpose}"


def _next_command(run: Run) -> str:
    tags, params = run.data.tags, run.data.params
    if run.info.status in {"FAILED", "KILLED"}:
        return (
            "Next: the same command again; finished trainings are reused, and an interrupted one "
            "continues from its last checkpoint."
        )
    pipelines = set(tags.get("pipelines", "").split(","))
    if run.info.status != "FINISHED" or not pipelines & {"full", "compete", "submit"}:
        return ""
    if params.get("download.source") == "synthetic":
        name = "compete" if "compete" in pipelines else "full"
        return f"Next: `kedro run --pipeline={name}` on Kaggle's data."
    env = f" --env={shlex.quote(tags['env'])}" if "env" in tags else ""
    return f"Next: `kedro run --pipeline=upload{env}` sends the submission to Kaggle."


def _link(text: str, run: Run, run_id: str, tab: str = "") -> str:
    page = f"#/experiments/{run.info.experiment_id}/runs/{run_id}"
    return f"[{text}]({page}{f'/{tab}' if tab else ''})"


def _comparison(run: Run, run_ids: Sequence[str]) -> str:
    ids = ",".join(f"%22{run_id}%22" for run_id in run_ids)
    experiment = f"%22{run.info.experiment_id}%22"
    return f"[Compare the variants](#/compare-runs?runs=[{ids}]&experiments=[{experiment}])"
