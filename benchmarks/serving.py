"""Measure how fast a registered model answers, against Keras' ``predict`` with the same network.

Calls take turns; the median counts. In the project's folder:

    python benchmarks/serving.py models:/facial-keypoints@champion
"""

import argparse
import base64
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import keras
import mlflow
import numpy as np
import pandas as pd

_CALLS = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="URI of the model")
    parser.add_argument("--store", default="sqlite:///mlflow.db", help="MLflow's tracking URI")
    arguments = parser.parse_args()
    mlflow.set_tracking_uri(arguments.store)
    folder = Path(mlflow.artifacts.download_artifacts(arguments.model))
    served = mlflow.pyfunc.load_model(str(folder))
    network = keras.saving.load_model(next(folder.glob("data/*.keras")), compile=False)
    images = np.random.default_rng(0).integers(0, 256, (64, 96, 96), np.uint8)
    for count in (1, 64):
        batch = images[:count]
        files = [cv2.imencode(".jpg", image)[1].tobytes() for image in batch]
        column = pd.DataFrame({"image": [base64.b64encode(file).decode() for file in files]})
        ways: dict[str, Callable[[], object]] = {
            "the registered model": lambda batch=batch: served.predict(batch),  # type: ignore[misc]
            "the same from base64": lambda column=column: served.predict(column),  # type: ignore[misc]
            "Keras' predict alone": lambda batch=batch: network.predict(batch, verbose=0),  # type: ignore[misc]
        }
        for name, milliseconds in _medians(ways).items():
            print(f"{count:2} faces  {name:22} {milliseconds:8.1f} ms")


def _medians(ways: dict[str, Callable[[], object]]) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(_CALLS):
        for name, call in ways.items():
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
    return {name: 1000 * float(np.median(each)) for name, each in times.items()}


if __name__ == "__main__":
    main()
