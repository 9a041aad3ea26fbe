"""Trainings one after another on all cores, against one per core side by side.

Trains variants of the study on random images for some seconds, at scales as study.minutes chooses
them, and prints the images per second of all processes together. The two ways take turns.
"""

import argparse
import statistics

import numpy as np
from measuring import print_machine, print_table
from project import CONF

from facial_keypoints.framework.config_loader import load_parameters
from facial_keypoints.keypoints import NUM_KEYPOINTS
from facial_keypoints.parameters import VariantParameters, scale_variant
from facial_keypoints.training.hardware import number_of_cores, use_onednn
from facial_keypoints.training.input_pipeline import Samples
from facial_keypoints.training.members import measure_speeds
from facial_keypoints.training.task import TrainingTask

IMAGES = 1024


def random_task(variant: VariantParameters) -> TrainingTask:
    """Return a variant's training on random images; speed does not depend on what they show."""
    generator = np.random.default_rng(0)
    targets = generator.uniform(0, 96, (IMAGES, NUM_KEYPOINTS, 2)).astype(np.float32)
    images = generator.integers(0, 256, (IMAGES, 96, 96), dtype=np.uint8)
    weights = np.ones(targets.shape[:2], np.float32)
    samples = Samples(images, targets, weights)
    return TrainingTask(
        variant.name, variant.architecture, variant.settings, variant.train, samples
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scales", default="0.05,0.25", help="as study.scale")
    parser.add_argument("--variants", default="5cl-3mpl,15cl-5mpl,heatmap-unet")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    use_onednn()
    print_machine()
    configured, cores = load_parameters(CONF).variants, number_of_cores()
    rows = []
    for scale in map(float, args.scales.split(",")):
        for name in args.variants.split(","):
            task = random_task(scale_variant(configured[name], scale))
            speeds: dict[int, list[float]] = {1: [], cores: []}
            for _ in range(args.repeats):
                for processes, found in speeds.items():
                    found.append(processes * measure_speeds(task, processes).trained)
            one, many = (statistics.median(found) for found in speeds.values())
            rows.append([name, f"{scale:g}", f"{one:,.0f}", f"{many:,.0f}", f"{many / one:.2f}"])
    print_table(["variant", "scale", "one on all cores", f"{cores} side by side", "ratio"], rows)


if __name__ == "__main__":
    main()
