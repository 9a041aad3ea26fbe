"""Print how many bytes the checkpoint of an epoch has, which a training writes after each epoch.

    python benchmarks/checkpoint_bytes.py [--networks 5cl-3mpl 10cl-3mpl ...]

Trains each network for one epoch on 32 random images. With `data_root` on object storage, these are
the bytes that an epoch uploads.
"""

import argparse
import io
import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from measuring import print_table
from training_speed import make_task

from facial_keypoints.pipelines.compete.plan import SIZES
from facial_keypoints.training.input_pipeline import Samples
from facial_keypoints.training.trainer import train_model

IMAGES = 32


@dataclass
class CountingStore:
    """A ``CheckpointStore`` that keeps nothing.

    Attributes:
        size: Bytes of the last checkpoint's file.
    """

    size: int = 0

    def exists(self) -> bool:
        """Return that there is none."""
        return False

    def load(self) -> dict[str, npt.NDArray[Any]]:
        """Return nothing."""
        return {}

    def save(self, data: dict[str, npt.NDArray[Any]]) -> None:
        """Count the bytes of a file."""
        file = io.BytesIO()
        np.savez(file, **data)  # type: ignore[arg-type]
        self.size = len(file.getvalue())


def checkpoint_size(network: str) -> tuple[int, int]:
    """Return the weights of a network, and the bytes of its checkpoint."""
    task = make_task(network, {"epochs": 1})
    samples = task.samples
    few = Samples(samples.images[:IMAGES], samples.targets[:IMAGES], samples.weights[:IMAGES])
    store = CountingStore()
    weights = train_model(replace(task, samples=few, validation=few), store).weights
    return sum(each.size for each in weights), store.size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    names = ["5cl-3mpl", "10cl-3mpl", "15cl-5mpl", "alexnet", "vgg16", *SIZES]
    parser.add_argument("--networks", nargs="+", default=names)
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    rows = []
    for network in parser.parse_args().networks:
        weights, size = checkpoint_size(network)
        rows.append([network, f"{weights / 1e6:.2f}", f"{size / 1e6:.1f}", f"{size / weights:.1f}"])
    print_table(["network", "weights, M", "checkpoint, MB", "bytes per weight"], rows)


if __name__ == "__main__":
    main()
