"""How much sooner the competition's model is as accurate as the paper's network.

The paper's network trains by the paper's recipe for `--minutes`: forward-filled labels, its
augmentation of the complete rows, mean squared error, float32; but its learning rate falls to zero
in the last quarter of the time. Its time is that until its best epoch, whose weights predict. The
competition's model trains for `--first` minutes, then from the start for twice as many, and so on,
until it is as accurate. Both use all cores and the same faces, and are measured on the same
held-out fifth of them, grouped by photograph. Faces with flagged labels are left out.
"""

import argparse
from dataclasses import dataclass, replace

import numpy as np
from ablations import LINES, make_task, to_points, train
from held_out import Competition, Figures, add_arguments, read_competition
from measuring import print_table
from project import CONF
from sklearn.model_selection import GroupShuffleSplit

from facial_keypoints.augmentation.offline import augment
from facial_keypoints.framework.config_loader import load_parameters
from facial_keypoints.pipelines.clean.nodes import treat_missing_labels
from facial_keypoints.training.models import build_trained_model
from facial_keypoints.training.task import variant_task
from facial_keypoints.training.trainer import train_model


@dataclass(frozen=True)
class Outcome:
    """A training's cost, and the RMSE of A, of B, and as the leaderboard weighs them."""

    minutes: float
    epochs: float
    rmse: Figures


def train_papers_network(data: Competition, variant: str, minutes: float) -> Outcome:
    """Train a variant by the paper's recipe.

    Args:
        data: The faces.
        variant: Name of the variant.
        minutes: Of training.
    """
    parameters = load_parameters(CONF, env="paper")
    faces = treat_missing_labels(data.faces.select(~data.held_out), parameters.clean)
    samples, _ = augment(faces, parameters.augment)
    splitter = GroupShuffleSplit(1, test_size=0.1, random_state=0)
    own, validation = next(splitter.split(samples.group, groups=samples.group))
    network = parameters.variants[variant]
    # without the cooldown it would be worse; the competition's learning rate falls as well
    changes = {"max_minutes": minutes, "precision": "float32", "cooldown": 0.25}
    chosen = network.model_copy(update={"train": network.train.model_copy(update=changes)})
    result = train_model(variant_task(chosen, samples.select(own), samples.select(validation)))
    best = result.best_epoch or 1
    model = build_trained_model(network.architecture, network.settings, result.weights)
    points = model.predict(data.faces.images[data.held_out], verbose=0).reshape(-1, 15, 2)
    spent = result.seconds / 60 * best / len(result.history)
    return Outcome(spent, best, data.rmse(data.errors(points)))


def train_competition_model(data: Competition, minutes: float) -> Outcome:
    """Train one model of the competition's medium size.

    Args:
        data: The faces.
        minutes: Of training.
    """
    [result] = train([make_task(LINES[0], data, minutes)])
    points = to_points(LINES[0], data, result.predictions)
    training = result.training
    return Outcome(training.seconds / 60, training.epochs, data.rmse(data.errors(points)))


def without_flagged_faces(data: Competition) -> Competition:
    rows = ~np.asarray(data.flagged.any(axis=1))
    return replace(
        data,
        faces=data.faces.select(rows),
        held_out=data.held_out[rows],
        flagged=data.flagged[rows],
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    parser.add_argument("--variant", default="15cl-5mpl", help="of the paper (%(default)s)")
    parser.add_argument("--minutes", type=float, default=60.0, help="of the variant (%(default)s)")
    parser.add_argument(
        "--first", type=float, default=1.0, help="minutes of the first model (%(default)s)"
    )
    args = parser.parse_args()
    data = without_flagged_faces(read_competition(args.archive, args.label_issues))
    paper = train_papers_network(data, args.variant, args.minutes)
    outcomes = [(f"the paper's {args.variant}", paper)]
    ours, minutes = None, args.first
    while minutes <= args.minutes and (ours is None or ours.rmse[2] > paper.rmse[2]):
        ours = train_competition_model(data, minutes)
        outcomes.append(("the competition's model", ours))
        minutes *= 2
    rows = [
        [name, f"{o.minutes:.1f}", f"{o.epochs:.1f}", *(f"{figure:.3f}" for figure in o.rmse)]
        for name, o in outcomes
    ]
    print_table(["", "minutes", "epochs", "A", "B", "leaderboard"], rows)
    if ours is not None and ours.rmse[2] <= paper.rmse[2]:
        ratio = paper.minutes / ours.minutes
        minutes_of_both = f"{ours.minutes:.2f} of {paper.minutes:.1f} minutes"
        print(f"\nAs accurate in {minutes_of_both}: {ratio:.0f} times sooner")
    else:
        print(f"\nNot as accurate in {args.minutes:g} minutes")


if __name__ == "__main__":
    main()
