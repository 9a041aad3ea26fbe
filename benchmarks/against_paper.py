"""How much sooner the competition's net is as good as the paper's network.

The paper's network trains by the paper's recipe for `--minutes`: forward-filled labels, its
augmentation of the complete rows, mean squared error, float32, but with a rate that falls to
nothing in the last quarter of the time. Its time is that until its best epoch, by which it answers.
The competition's net trains for `--first` minutes, then anew for twice as many, and so on, until it
is as good. Both use all cores and the same faces, and are measured on the same fifth of them, folds
grouped by photograph. Neither is taught or measured by faces with suspect labels.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from ablations import LINES, points_of, task_of, train_for
from facial_keypoints.training.workers import run_side_by_side
from held_out import Competition, Floats, read_competition
from measuring import print_table
from sklearn.model_selection import GroupShuffleSplit
from stages import CONF

from facial_keypoints.framework.config_loader import load_parameters
from facial_keypoints.pipelines.augment.nodes import augment_faces
from facial_keypoints.pipelines.clean.nodes import treat_missing_labels
from facial_keypoints.training.trainer import fit_variant


def papers_points(data: Competition, variant: str, minutes: float) -> tuple[Floats, float, float]:
    """Points (k, 15, 2) of the faces held out, the minutes until its best epoch, by which it
    answers, and how many epochs these are.
    """
    parameters = load_parameters(CONF, env="paper")
    filled = treat_missing_labels(data.faces.select(~data.held_out), parameters.clean)
    samples, _ = augment_faces(filled, parameters.augment)
    splitter = GroupShuffleSplit(1, test_size=0.1, random_state=0)
    train, validation = next(splitter.split(samples.group, groups=samples.group))
    network = parameters.variants[variant]
    # cut off at its full rate it would be worse; ours falls, too
    asked = {"max_minutes": minutes, "precision": "float32", "cooldown": 0.25}
    how = network.train.model_copy(update=asked)
    chosen = network.model_copy(update={"train": how})
    training = fit_variant(chosen, samples.select(train), samples.select(validation), [])
    images = data.faces.images[data.held_out]
    found = training.load_model().predict(images, verbose=0).reshape(-1, 15, 2)
    best, epochs = training.record["best_epoch"], training.record["epochs"]
    return found, training.record["minutes"] * best / epochs, best


def without_suspects(data: Competition) -> Competition:
    """The same without the faces that have suspect labels."""
    rows = ~np.asarray(data.suspect.any(axis=1))
    faces = data.faces.select(rows)
    return replace(data, faces=faces, held_out=data.held_out[rows], suspect=data.suspect[rows])


def our_points(data: Competition, minutes: float) -> tuple[Floats, float, float]:
    task = task_of(LINES[0], data, minutes)
    net = run_side_by_side(train_for, [[task]], lambda _: None, keep=False)[0][0]
    return points_of(LINES[0], data, net.found), net.seconds / 60, net.curve[-1][1]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archive", type=Path)
    parser.add_argument("--variant", default="15cl-5mpl", help="Table 1's, its best, if not given")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument(
        "--label_issues", type=Path, required=True, help="label_issues.csv of an earlier run"
    )
    parser.add_argument("--first", type=float, default=1.0, help="minutes of our first net")
    args = parser.parse_args()
    data = without_suspects(read_competition(args.archive, args.label_issues))
    found, took, epochs = papers_points(data, args.variant, args.minutes)
    theirs = data.rmse(*data.errors(found))
    rows = [[f"the paper's {args.variant}", f"{took:.1f}", f"{epochs:.1f}", *_cells(theirs)]]
    theirs_took, as_good, minutes = took, False, args.first
    while not as_good and minutes <= args.minutes:
        found, took, epochs = our_points(data, minutes)
        ours = data.rmse(*data.errors(found))
        rows.append(["the competition's net", f"{took:.1f}", f"{epochs:.1f}", *_cells(ours)])
        as_good = bool(ours[2] <= theirs[2])
        minutes *= 2
    print_table(["", "minutes", "epochs", "A", "B", "leaderboard"], rows)
    if as_good:
        ratio = theirs_took / took
        print(f"\nAs good in {took:.2f} of {theirs_took:.1f} minutes: {ratio:.0f} times sooner")
    else:
        print(f"\nNot as good in {args.minutes:g} minutes")


def _cells(figures: Floats) -> list[str]:
    return [f"{figure:.3f}" for figure in figures]


if __name__ == "__main__":
    main()
