"""Training speed of narrow networks: in float32 and bfloat16, with and without whole blocks.

Trains variants of the study at small widths on random images for some seconds, and prints images
per second: with filters as the width gives them (steps of 1), in fours (as the study has them) and
in sixteens, which oneDNN's bfloat16 convolutions take at once.
"""

import argparse
import statistics
from unittest import mock

from measuring import print_machine, print_table
from project import CONF
from side_by_side import random_task

from facial_keypoints.framework.config_loader import load_parameters
from facial_keypoints.models import registry
from facial_keypoints.parameters import scale_variant
from facial_keypoints.training.hardware import use_onednn
from facial_keypoints.training.members import measure_speeds
from facial_keypoints.training.precision import choose_precision

PRECISIONS = "float32", "mixed_bfloat16"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--variants", default="5cl-3mpl,15cl-5mpl,heatmap-unet")
    parser.add_argument("--widths", default="0.1,0.25,0.5")
    parser.add_argument("--steps", default="1,4,16", help="filters are multiples of")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    use_onednn()
    print_machine()
    configured, rows = load_parameters(CONF).variants, []
    for name in args.variants.split(","):
        for width in map(float, args.widths.split(",")):
            for step in map(int, args.steps.split(",")):
                variant = scale_variant(configured[name], 1, width=width)
                speeds: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
                with mock.patch.object(registry, "_STEP", step):
                    chosen, _ = choose_precision("auto", variant.architecture, variant.settings)
                    for _ in range(args.repeats):
                        for precision, found in speeds.items():
                            changes = {"precision": precision, "batch_size": args.batch_size}
                            train = variant.train.model_copy(update=changes)
                            task = random_task(variant.model_copy(update={"train": train}))
                            found.append(measure_speeds(task).trained)
                medians = [f"{statistics.median(found):,.0f}" for found in speeds.values()]
                rows.append([name, f"{width:g}", str(step), *medians, chosen])
    print_table(["variant", "width", "filters in", *PRECISIONS, "auto"], rows)


if __name__ == "__main__":
    main()
