"""What each part of the competition's recipe is worth: each line of the table changes one.

Every net trains for the same time on its share of the processor cores, on the same faces; all are
measured on the same fifth of the faces, folds grouped by photograph. Labels on which the
audit would act are left out of both; they are read from the suspects.csv of an earlier run of
--env=competition on the same archive.
"""

import argparse
import csv
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from facial_keypoints.archive import CompetitionArchive
from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import POPULATION_B_INDEX
from facial_keypoints.metrics import asked_values
from facial_keypoints.parameters import RecipeParameters
from facial_keypoints.pipelines.clean.nodes import read_test_faces, read_training_faces
from facial_keypoints.pipelines.compete.audit import acted_on
from facial_keypoints.pipelines.compete.folds import fold_faces, group_faces
from facial_keypoints.pipelines.compete.member import TrainingTask, train_net
from facial_keypoints.pipelines.compete.plan import SIZES
from facial_keypoints.pipelines.compete.points import NUM_HEADS, gather, heads_to_use, spread
from facial_keypoints.pipelines.compete.workers import run_side_by_side
from facial_keypoints.precision import choose_precision

Floats = npt.NDArray[np.floating]
HELD_OUT_FOLDS = (0, 1)


@dataclass(frozen=True)
class Line:
    """One line of the table: what differs from the first."""

    name: str
    recipe: dict[str, Any] = field(default_factory=dict)
    distortions: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    size: str = "medium"
    heads: bool = True
    complete_only: bool = False
    suspects: bool = False
    seed: int = 0


STILL = {"rotation": 0, "scale": 0, "aspect": 0, "shear": 0, "shift": 0}
STRONG = {"rotation": 40, "scale": 0.25, "shear": 0.15, "aspect": 0.1}
LINES = (
    Line("the recipe"),
    Line("another seed", seed=1),
    Line("complete rows only", complete_only=True),
    Line("one head for both populations", heads=False),
    Line("suspect labels kept", suspects=True),
    Line("heat maps without offsets", settings={"offsets": False}),
    Line(
        "no distortion at all",
        distortions={**STILL, "blur": 0, "gamma": 0, "noise": 0, "erase": 0, "mirror": False},
    ),
    Line("no geometric distortion but mirrors", distortions=STILL),
    Line("no mirrors", distortions={"mirror": False}),
    Line("stronger geometric distortion", distortions=STRONG),
    Line("perspective", distortions={"perspective": 0.15}),
    Line("no blur", distortions={"blur": 0}),
    Line("no gamma", distortions={"gamma": 0}),
    Line("no noise", distortions={"noise": 0}),
    Line("nothing erased", distortions={"erase": 0}),
    Line("squared loss", recipe={"linear_beyond": 1000, "largest_gradient": 5000}),
    Line("linear beyond 4 px", recipe={"linear_beyond": 4}),
    Line("linear beyond 2 px", recipe={"linear_beyond": 2}),
    Line("no average of weights", recipe={"average_decay": 0}),
    Line("batches of 16", recipe={"batch_size": 16}),
    Line("batches of 64", recipe={"batch_size": 64}),
    Line("half the learning rate", recipe={"learning_rate": 1e-3}),
    Line("twice the learning rate", recipe={"learning_rate": 4e-3}),
    Line("no weight decay", recipe={"weight_decay": 0}),
    Line("ten times the weight decay", recipe={"weight_decay": 0.1}),
    Line("small", size="small"),
    Line("large", size="large"),
    Line("float32", recipe={"precision": "float32"}),
)


@dataclass(frozen=True)
class Faces:
    """The competition, split."""

    faces: FaceSet
    held_out: npt.NDArray[np.bool_]
    suspect: npt.NDArray[np.bool_]
    asked: dict[str, int]


def read(archive: Path, suspects: Path | None) -> Faces:
    opened = CompetitionArchive(archive)
    faces = read_training_faces(opened)
    _, lookup = read_test_faces(opened)
    folds = fold_faces(faces, group_faces(faces), seed=0)
    suspect = np.zeros(faces.keypoints.shape[:2], bool)
    if suspects is not None:
        suspect = acted_on(pd.read_csv(suspects), len(faces))
    return Faces(faces, np.isin(folds, HELD_OUT_FOLDS), suspect, asked_values(lookup))


def task_of(line: Line, data: Faces, minutes: float) -> TrainingTask:
    faces = data.faces
    rows = ~data.held_out
    if line.complete_only:
        rows = rows & faces.complete
    population = faces.population if line.heads else np.zeros_like(faces.population)
    keypoints = faces.keypoints.copy()
    if not line.suspects:
        keypoints[data.suspect] = np.nan
    recipe = RecipeParameters.model_validate({**line.recipe, "distortions": line.distortions})
    return TrainingTask(
        name=line.name,
        settings={**SIZES[line.size], **line.settings},
        recipe=recipe,
        precision=choose_precision(recipe.precision)[0],
        seed=line.seed,
        images=faces.images[rows],
        labels=spread(keypoints, population)[rows],
        shares=np.ones((int(rows.sum()), NUM_HEADS), np.float32),
        start=None,
        progress=(0.0, 1.0),
        ends=time.time() + 60 * minutes,
        predict=faces.images[data.held_out],
    )


def squared(line: Line, data: Faces, heads: Floats) -> tuple[Floats, Floats]:
    """Sums of squared errors of each row held out, and how many there are."""
    faces = data.faces.select(data.held_out)
    population = faces.population if line.heads else np.zeros_like(faces.population)
    use = heads_to_use(data.faces)
    if not line.heads or line.complete_only:
        use[1, list(POPULATION_B_INDEX)] = POPULATION_B_INDEX
    found = gather(heads.astype(np.float32), population, use, np.zeros((15, 2), np.float32))
    error = np.square(found.astype(float) - faces.keypoints)
    error[data.suspect[data.held_out]] = np.nan
    known = np.isfinite(error)
    return np.where(known, error, 0).sum(axis=(1, 2)), known.sum(axis=(1, 2)).astype(float)


def rmse(
    sums: Floats, counts: Floats, population: npt.NDArray[np.int8], asked: dict[str, int]
) -> Floats:
    """RMSE of A, of B and as the leaderboard weighs them."""
    mse = [sums[population == code].sum() / counts[population == code].sum() for code in (0, 1)]
    together = (asked["A"] * mse[0] + asked["B"] * mse[1]) / (asked["A"] + asked["B"])
    return np.asarray(np.sqrt([*mse, together]))


def results(
    lines: list[Line], data: Faces, minutes: float, side_by_side: int
) -> Iterator[tuple[Line, Any]]:
    for first in range(0, len(lines), side_by_side):
        batch = lines[first : first + side_by_side]
        tasks = [[task_of(line, data, minutes)] for line in batch]
        nets = run_side_by_side(train_net, tasks, lambda _: None, keep=False)
        yield from zip(batch, (net[0] for net in nets), strict=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archive", type=Path)
    parser.add_argument("--minutes", type=float, default=8.0, help="of each net; 8 if not given")
    parser.add_argument("--suspects", type=Path, help="suspects.csv of an earlier run")
    parser.add_argument("--only", nargs="+", metavar="LINE", help="some of the lines, by name")
    parser.add_argument(
        "--side-by-side", type=int, default=2, help="nets at a time, which share the cores; 2"
    )
    parser.add_argument("--csv", type=Path, help="where to keep the lines, as they come")
    args = parser.parse_args()
    known = {line.name: line for line in LINES}
    unknown = [name for name in args.only or [] if name not in known]
    if unknown:
        parser.error(f"there is no line {unknown[0]!r}; there are: {', '.join(known)}")
    lines = [known[name] for name in args.only or known]
    data = read(args.archive, args.suspects)
    population = data.faces.population[data.held_out]
    columns = ["line", "minutes", "epochs", "A", "B", "leaderboard", "against", "deviation"]
    base: tuple[Floats, Floats] | None = None
    random = np.random.default_rng(0)
    out = args.csv.open("a", newline="") if args.csv else sys.stdout
    writer = csv.writer(out)
    writer.writerow(columns)
    for line, net in results(lines, data, args.minutes, args.side_by_side):
        sums, counts = squared(line, data, net.found)
        base = base or (sums, counts)
        figures = rmse(sums, counts, population, data.asked)
        differences = []
        for _ in range(500):
            drawn = random.integers(len(sums), size=len(sums))
            ours, first = (
                rmse(each[0][drawn], each[1][drawn], population[drawn], data.asked)[2]
                for each in ((sums, counts), base)
            )
            differences.append(ours - first)
        against = figures[2] - rmse(*base, population, data.asked)[2]
        cells = [*figures, against, np.std(differences)]
        epochs = net.curve[-1][1]
        writer.writerow([line.name, args.minutes, f"{epochs:.1f}", *(f"{c:.3f}" for c in cells)])
        out.flush()


if __name__ == "__main__":
    main()
