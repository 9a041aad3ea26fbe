"""What each part of the competition's training is worth: each line of the table changes one.

Every model trains for the same time on its part of the cores, on the same faces, and is measured on
the same held-out fifth of them, grouped by photograph. Labels that the audit flags are excluded
from both. The last lines are other predictions of models that are already trained.
"""

import argparse
import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from held_out import Competition, add_arguments, read_competition
from measuring import count
from project import CONF

from facial_keypoints.framework.config_loader import load_parameters
from facial_keypoints.models.heads import (
    MIRROR_PARTNERS,
    NUM_HEADS,
    Points,
    from_heads,
    mirror_bias,
    to_heads,
)
from facial_keypoints.models.registry import build_model
from facial_keypoints.parameters import RandomTransformParameters, TrainParameters
from facial_keypoints.pipelines.compete.plan import MEASURED_SIZE, SIZES
from facial_keypoints.training.input_pipeline import Samples
from facial_keypoints.training.members import MemberResult, MemberTask, train_members
from facial_keypoints.training.task import TrainingTask

DRAWS = 500
"""Bootstrap samples of the held-out faces, for the deviation of a difference."""


@dataclass(frozen=True)
class Line:
    """One line of the table: what differs from the first.

    Attributes:
        name: For the table.
        train: Training parameters.
        augmentation: Strengths of random transforms.
        settings: Settings of the architecture.
        size: One of the plan's sizes; empty is that of the other lines.
        heads: Whether each population has its own heads.
        complete_only: Whether to train on rows with all 15 keypoints only.
        flagged: Whether to train on flagged labels, too.
        mirror_bias: Whether to subtract the mirror bias from the labels.
    """

    name: str
    train: dict[str, Any] = field(default_factory=dict)
    augmentation: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    size: str = ""
    heads: bool = True
    complete_only: bool = False
    flagged: bool = False
    mirror_bias: bool = True


STRENGTH = {"initial_strength": 0.4, "final_strength": 0.05}
NOT_GEOMETRIC = {"rotation": 0, "scale": 0, "aspect": 0, "shear": 0, "shift": 0}
NOT_PHOTOMETRIC = {"blur": 0, "gamma": 0, "noise": 0, "erase": 0}
SEEDS = 2
"""How many of the first lines are the configured training itself."""
LINES = (
    Line("as configured"),
    Line("another seed", train={"seed": 1}),
    Line("complete rows only", complete_only=True),
    Line("one head for both populations", heads=False),
    Line("flagged labels kept", flagged=True),
    Line("mirror bias kept in the labels", mirror_bias=False),
    Line("heat maps without offsets", settings={"offsets": False}),
    Line("no augmentation", augmentation=RandomTransformParameters.none().model_dump()),
    Line("no mirroring", augmentation={"mirror": False}),
    Line("augmentation twice as strong at the start", train={"initial_strength": 0.8}),
    Line(
        "augmentation at full strength to the end",
        train={"initial_strength": 1.0, "final_strength": 1.0},
    ),
    Line("no geometric transform but mirroring", augmentation=NOT_GEOMETRIC),
    Line("no photometric transform", augmentation=NOT_PHOTOMETRIC),
    Line("perspective", augmentation={"perspective": 0.15}),
    Line("squared loss", train={"huber_delta": 1000, "global_clipnorm": 5000}),
    Line("huber_delta of 1 px", train={"huber_delta": 1}),
    Line("no EMA of the weights", train={"ema_decay": None}),
    Line("batch size 16", train={"batch_size": 16}),
    Line("half the learning rate", train={"learning_rate": 2e-3}),
    Line("twice the learning rate", train={"learning_rate": 8e-3}),
    Line("no weight decay", train={"weight_decay": 0}),
    Line("a tenth of the weight decay", train={"weight_decay": 0.01}),
    *(Line(f"{size} model", size=size) for size in ("small", "medium", "large")),
    Line("float32", train={"precision": "float32"}),
)


def make_task(
    line: Line, data: Competition, minutes: float, bias: Points | None = None
) -> MemberTask:
    """Return the training of a line, which then predicts the held-out faces.

    Args:
        line: What differs from the configured training.
        data: The faces.
        minutes: Of training.
        bias: float32 (19, 2), subtracted from the labels (see ``heads.mirror_bias``).
    """
    faces = data.faces
    rows = ~data.held_out & (faces.complete if line.complete_only else True)
    keypoints = faces.keypoints.copy()
    if not line.flagged:
        keypoints[data.flagged] = np.nan
    population = faces.population if line.heads else np.zeros_like(faces.population)
    targets = to_heads(keypoints, population)
    if bias is not None and line.mirror_bias:
        targets -= bias
    configured = load_parameters(CONF).competition.train.model_dump()
    augmentation = {**configured["augmentation"], **line.augmentation}
    changes = {"max_minutes": minutes, **STRENGTH, **line.train, "augmentation": augmentation}
    training = TrainingTask(
        name=line.name,
        architecture="heatmap_unet",
        settings={**SIZES[line.size or MEASURED_SIZE], "points": NUM_HEADS, **line.settings},
        train=TrainParameters.model_validate({**configured, **changes}),
        samples=Samples(
            faces.images[rows],
            targets[rows],
            np.ones((int(rows.sum()), NUM_HEADS), np.float32),
        ),
        mirror_partners=MIRROR_PARTNERS,
    )
    return MemberTask(training, line.name, faces.images[data.held_out])


def train(tasks: list[MemberTask], num_processes: int = 1) -> list[MemberResult]:
    """Train models without checkpoints.

    Args:
        tasks: Trainings.
        num_processes: How many train at a time.
    """
    return train_members(tasks, None, num_processes)


def to_points(line: Line, data: Competition, heads: Points, bias: Points | None = None) -> Points:
    """Return the 15 keypoints of the held-out faces.

    Args:
        line: Decides which heads predict.
        data: The faces.
        heads: float32 (k, 19, 2), predictions in pixels.
        bias: float32 (19, 2), added to the predictions if the line subtracts it from the labels.
    """
    if bias is not None and line.mirror_bias:
        heads = heads + bias
    population = data.faces.population[data.held_out]
    if not line.heads or line.complete_only:  # B's own heads have not been trained
        population = np.zeros_like(population)
    return from_heads(heads, data.faces, population)


def measure_mirror_bias(line: Line, data: Competition, minutes: float) -> Points:
    """Return the mirror bias of the labels, float32 (19, 2), by a model trained on them.

    Args:
        line: The training.
        data: The faces; the held-out ones are not used.
        minutes: Of training.
    """
    task = make_task(line, data, minutes)
    task = replace(task, images=task.training.samples.images)
    [result] = train([task])
    return mirror_bias(task.training.samples.targets, result.predictions)


def train_lines(
    lines: list[Line], data: Competition, minutes: float, num_processes: int, bias: Points
) -> Iterator[tuple[Line, MemberResult]]:
    """Train the lines, some at a time.

    Args:
        lines: To train.
        data: The faces.
        minutes: Of each training.
        num_processes: How many train at a time, each on its part of the cores.
        bias: Mirror bias of the labels.

    Yields:
        Each line and its result.
    """
    for first in range(0, len(lines), num_processes):
        batch = lines[first : first + num_processes]
        # a last line must not have the machine for itself
        filled = (batch * num_processes)[:num_processes]
        results = train([make_task(line, data, minutes, bias) for line in filled], num_processes)
        yield from zip(batch, results, strict=False)


def other_predictions(
    line: Line, results: list[MemberResult], data: Competition
) -> Iterator[tuple[str, Points]]:
    """Yield predictions (k, 19, 2) of the configured training with other TTA, and a mean of seeds.

    Args:
        line: The configured training.
        results: Of the configured training, with different seeds.
        data: The faces.
    """
    from facial_keypoints.models.inference import make_predictor
    from facial_keypoints.training.prediction import predict_with_tta

    task = make_task(line, data, minutes=1)
    model = build_model(task.training.architecture, task.training.settings)
    model.set_weights(results[0].training.predicting_weights)
    predict = make_predictor(model)
    yield "without the mirror image", predict(task.images).reshape(-1, NUM_HEADS, 2)
    for views in (4, 12):
        yield f"{views} views", predict_with_tta(predict, task.images, views)
    if len(results) > 1:
        mean = np.mean([result.predictions for result in results], axis=0)
        yield "mean of both seeds", mean.astype(np.float32)


class Table:
    """Writes a CSV line for each training as it comes, with its difference from the first.

    Args:
        data: The faces.
        minutes: Of each training.
        path: File to append to; None is the standard output.
    """

    def __init__(self, data: Competition, minutes: float, path: Path | None) -> None:
        self._data = data
        self._minutes = minutes
        self._out = path.open("a", newline="") if path else sys.stdout
        self._random = np.random.default_rng(0)
        self._first: Any = None
        self._write("line", "minutes", "epochs", "A", "B", "leaderboard", "difference", "deviation")

    def add(self, name: str, epochs: float, points: Points) -> None:
        """Write a line.

        Args:
            name: Of the line.
            epochs: Of the training.
            points: (k, 15, 2), predictions of the held-out faces in pixels.
        """
        rmse, errors = self._data.rmse, self._data.errors(points)
        first = self._first = self._first or errors
        count = len(points)
        drawn = [self._random.integers(count, size=count) for _ in range(DRAWS)]
        deviation = np.std([(rmse(errors, d) - rmse(first, d))[2] for d in drawn])
        difference = (rmse(errors) - rmse(first))[2]
        figures = [f"{figure:.3f}" for figure in (*rmse(errors), difference, deviation)]
        self._write(name, f"{self._minutes:g}", f"{epochs:.1f}", *figures)

    def _write(self, *cells: str) -> None:
        csv.writer(self._out).writerow(cells)
        self._out.flush()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    parser.add_argument("--minutes", type=float, default=8.0, help="of each model (%(default)s)")
    parser.add_argument("--only", nargs="+", metavar="LINE", help="names of lines; all by default")
    parser.add_argument(
        "--processes", type=count, default=2, help="models that train at a time (%(default)s)"
    )
    parser.add_argument(
        "--size",
        choices=SIZES,
        default="small",
        help="of the models; small ones train for enough epochs in a few minutes (%(default)s)",
    )
    parser.add_argument("--csv", type=Path, help="file to append the lines to")
    args = parser.parse_args()
    known = {line.name: line for line in LINES}
    unknown = [name for name in args.only or [] if name not in known]
    if unknown:
        parser.error(f"unknown line {unknown[0]!r}; valid names: {', '.join(known)}")
    lines = [
        replace(known[name], size=known[name].size or args.size)
        for name in args.only or known
        if known[name].size != args.size
    ]
    data = read_competition(args.archive, args.label_issues)
    configured = replace(LINES[0], size=args.size)
    bias = measure_mirror_bias(configured, data, args.minutes / 2)
    table = Table(data, args.minutes, args.csv)
    of_configured: list[MemberResult] = []
    seeds = [line.name for line in LINES[:SEEDS]]
    for line, result in train_lines(lines, data, args.minutes, args.processes, bias):
        if line.name in seeds:
            of_configured.append(result)
        points = to_points(line, data, result.predictions, bias)
        table.add(line.name, result.training.epochs, points)
    if lines[0].name == configured.name:
        for name, heads in other_predictions(configured, of_configured, data):
            points = to_points(configured, data, heads, bias)
            table.add(name, of_configured[0].training.epochs, points)


if __name__ == "__main__":
    main()
