"""What each part of the competition's recipe is worth: each line of the table changes one.

Every net trains for the same time on its share of the processor cores, on the same faces; all are
measured on the same fifth of the faces, folds grouped by photograph. Labels on which the
audit would act are left out of both; they are read from the label_issues.csv of an earlier run of
the compete pipeline on the same archive. The last lines are other answers of nets that are trained
already.
"""

import argparse
import csv
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from facial_keypoints.training.member import TrainedNet, TrainingTask, train_net
from facial_keypoints.training.workers import Report, run_side_by_side
from held_out import Competition, Floats, read_competition
from stages import CONF

from facial_keypoints.framework.config_loader import load_parameters
from facial_keypoints.keypoints import NUM_KEYPOINTS, POPULATION_B_INDEX
from facial_keypoints.models.heads import (
    NUM_HEADS,
    Points,
    asymmetry,
    gather,
    heads_to_use,
    spread,
)
from facial_keypoints.models.inference import point_finder
from facial_keypoints.parameters import RandomTransformParameters, RecipeParameters
from facial_keypoints.pipelines.compete.plan import MEASURED, SIZES
from facial_keypoints.training.precision import choose_precision

NOWHERE = np.zeros((NUM_KEYPOINTS, 2), np.float32)
"""Instead of points that no head answers for."""
DRAWS = 500
"""Of the faces held out, for the deviation of a difference."""


@dataclass(frozen=True)
class Line:
    """One line of the table: what differs from the first."""

    name: str
    recipe: dict[str, Any] = field(default_factory=dict)
    distortions: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    size: str = ""  # that of the others
    heads: bool = True
    complete_only: bool = False
    label_issues: bool = False
    asymmetry: bool = True
    strength: tuple[float, float] = (0.4, 0.05)
    seed: int = 0


STILL = {"rotation": 0, "scale": 0, "aspect": 0, "shear": 0, "shift": 0}
PLAIN = {"blur": 0, "gamma": 0, "noise": 0, "erase": 0}
SEEDS = 2
"""How many of the first lines are the recipe itself."""
LINES = (
    Line("the recipe"),
    Line("another seed", seed=1),
    Line("complete rows only", complete_only=True),
    Line("one head for both populations", heads=False),
    Line("suspect labels kept", label_issues=True),
    Line("labels with their asymmetry", asymmetry=False),
    Line("heat maps without offsets", settings={"offsets": False}),
    Line("no distortion at all", distortions=RandomTransformParameters.none().model_dump()),
    Line("no mirrors", distortions={"mirror": False}),
    Line("distortions twice as strong in the beginning", strength=(0.8, 0.05)),
    Line("distortions at full strength to the end", strength=(1.0, 1.0)),
    Line("no geometric distortion but mirrors", distortions=STILL),
    Line("no photometric distortion", distortions=PLAIN),
    Line("perspective", distortions={"perspective": 0.15}),
    Line("squared loss", recipe={"huber_delta": 1000, "global_clipnorm": 5000}),
    Line("linear beyond 1 px", recipe={"huber_delta": 1}),
    Line("no average of weights", recipe={"ema_decay": 0}),
    Line("batches of 16", recipe={"batch_size": 16}),
    Line("half the learning rate", recipe={"learning_rate": 2e-3}),
    Line("twice the learning rate", recipe={"learning_rate": 8e-3}),
    Line("no weight decay", recipe={"weight_decay": 0}),
    Line("a tenth of the weight decay", recipe={"weight_decay": 0.01}),
    *(Line(f"a {size} net", size=size) for size in ("small", "medium", "large")),
    Line("float32", recipe={"precision": "float32"}),
)


def task_of(
    line: Line, data: Competition, minutes: float, beside: Points | None = None
) -> TrainingTask:
    """The training of a line, from labels of which ``beside`` (19, 2) is taken off."""
    faces = data.faces
    rows = ~data.held_out
    if line.complete_only:
        rows = rows & faces.complete
    population = faces.population if line.heads else np.zeros_like(faces.population)
    keypoints = faces.keypoints - _beside(line, data, beside)
    if not line.label_issues:
        keypoints[data.suspect] = np.nan
    base = load_parameters(CONF).competition.recipe.model_dump()
    distortions = {**base["distortions"], **line.distortions}
    recipe = RecipeParameters.model_validate({**base, **line.recipe, "distortions": distortions})
    return TrainingTask(
        name=line.name,
        minutes=minutes,
        settings={**SIZES[line.size or MEASURED], **line.settings},
        recipe=recipe,
        precision=choose_precision(recipe.precision)[0],
        seed=line.seed,
        images=faces.images[rows],
        labels=spread(keypoints, population)[rows],
        shares=np.ones((int(rows.sum()), NUM_HEADS), np.float32),
        start=None,
        progress=(0.0, 1.0),
        strength=line.strength,
        ends=0.0,  # see train_for
        predict=faces.images[data.held_out],
    )


def train_for(task: TrainingTask, report: Report) -> TrainedNet:
    """Train for the task's minutes, from when its process is ready; building the net is a part
    of them, and of the seconds that it took.
    """
    began = time.time()
    net = train_net(replace(task, ends=began + 60 * task.minutes), report)
    return replace(net, seconds=time.time() - began)


def points_of(line: Line, data: Competition, heads: Floats, beside: Points | None = None) -> Floats:
    """The 15 points of the faces held out; they get back what was taken off labels."""
    population = data.faces.population[data.held_out]
    use = heads_to_use(data.faces)
    if not line.heads or line.complete_only:  # B's heads have learnt nothing
        use[1, list(POPULATION_B_INDEX)] = POPULATION_B_INDEX
    points = gather(heads.astype(np.float32), population, use, NOWHERE)
    return points + _beside(line, data, beside)[data.held_out]


def _beside(line: Line, data: Competition, beside: Points | None) -> Points:
    """Of each face's points (n, 15, 2)."""
    if beside is None or not line.asymmetry:
        return np.zeros_like(data.faces.keypoints)
    of_each = np.repeat(beside[None], len(data.faces), axis=0)
    # complete rows tell nothing of B
    population = data.faces.population * (not line.complete_only)
    return gather(of_each, population, heads_to_use(data.faces), NOWHERE)


def asymmetry_of_labels(line: Line, data: Competition, minutes: float) -> Points:
    """What lies beside mirror images in the labels of each head, (19, 2): by a net that has
    trained on them as they are, and in the very faces that are not held out.
    """
    taught = data.faces.select(~data.held_out)
    task = replace(task_of(line, data, minutes), predict=taught.images)
    net = run_side_by_side(train_for, [[task]], lambda _: None, keep=False)[0][0]
    return asymmetry(task.labels, net.found)


def results(
    lines: list[Line], data: Competition, minutes: float, side_by_side: int, beside: Points
) -> Iterator[tuple[Line, TrainedNet]]:
    for first in range(0, len(lines), side_by_side):
        batch = lines[first : first + side_by_side]
        # a last line without company would have all cores
        company = (batch * side_by_side)[:side_by_side]
        tasks = [[task_of(line, data, minutes, beside)] for line in company]
        nets = run_side_by_side(train_for, tasks, lambda _: None, keep=False)
        yield from zip(batch, (net[0] for net in nets), strict=False)


def other_answers(
    size: str, nets: list[TrainedNet], data: Competition
) -> Iterator[tuple[str, Floats]]:
    """What nets of the recipe, of different seeds, find together and in other views."""
    import keras
    from facial_keypoints.training.loop import Fit

    recipe = load_parameters(CONF).competition.recipe
    keras.config.set_dtype_policy(choose_precision(recipe.precision)[0])
    fit = Fit(SIZES[size], recipe)
    images = data.faces.images[data.held_out]
    fit.model.set_weights(nets[0].averaged)
    straight = point_finder(fit.model)(images).reshape(-1, NUM_HEADS, 2)
    yield "the recipe without the mirror image", straight
    for views in (4, 12):
        yield f"the recipe in {views} views", fit.find_points(images, views)
    if len(nets) > 1:
        yield "the recipe: mean of both seeds", np.mean([net.found for net in nets], axis=0)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archive", type=Path)
    parser.add_argument("--minutes", type=float, default=8.0, help="of each net; 8 if not given")
    parser.add_argument(
        "--label_issues", type=Path, required=True, help="label_issues.csv of an earlier run"
    )
    parser.add_argument("--only", nargs="+", metavar="LINE", help="some of the lines, by name")
    parser.add_argument(
        "--side-by-side", type=int, default=2, help="nets at a time, which share the cores; 2"
    )
    parser.add_argument(
        "--size",
        choices=SIZES,
        default="small",
        help="of the nets, where a line is not about it; small, which sees enough epochs in a few "
        "minutes of one core",
    )
    parser.add_argument("--csv", type=Path, help="where to keep the lines, as they come")
    args = parser.parse_args()
    known = {line.name: line for line in LINES}
    unknown = [name for name in args.only or [] if name not in known]
    if unknown:
        parser.error(f"there is no line {unknown[0]!r}; there are: {', '.join(known)}")
    lines = [
        replace(known[name], size=known[name].size or args.size)
        for name in args.only or known
        if known[name].size != args.size
    ]
    data = read_competition(args.archive, args.label_issues)
    out = args.csv.open("a", newline="") if args.csv else sys.stdout
    writer = csv.writer(out)
    writer.writerow(
        ["line", "minutes", "epochs", "A", "B", "leaderboard", "against the first", "deviation"]
    )
    random = np.random.default_rng(0)
    first: tuple[Floats, Floats] | None = None

    def write(name: str, epochs: float, points: Floats) -> None:
        nonlocal first
        errors = data.errors(points)
        first = first or errors
        drawn = (random.integers(len(errors[0]), size=len(errors[0])) for _ in range(DRAWS))
        differences = [(data.rmse(*errors, d) - data.rmse(*first, d))[2] for d in drawn]
        figures = data.rmse(*errors)
        against = figures[2] - data.rmse(*first)[2]
        cells = [f"{cell:.3f}" for cell in (*figures, against, np.std(differences))]
        writer.writerow([name, args.minutes, f"{epochs:.1f}", *cells])
        out.flush()

    beside = asymmetry_of_labels(replace(LINES[0], size=args.size), data, args.minutes / 2)
    seeds = [line.name for line in LINES[:SEEDS]]
    of_the_recipe: list[TrainedNet] = []
    for line, net in results(lines, data, args.minutes, args.side_by_side, beside):
        if line.name in seeds:
            of_the_recipe.append(net)
        write(line.name, net.curve[-1][1], points_of(line, data, net.found, beside))
    if of_the_recipe and lines[0].name == seeds[0]:
        epochs = of_the_recipe[0].curve[-1][1]
        for name, found in other_answers(args.size, of_the_recipe, data):
            write(name, epochs, points_of(LINES[0], data, found, beside))


if __name__ == "__main__":
    main()
