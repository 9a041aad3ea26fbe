"""Run an exported file in its own process, on one core.

TensorFlow and LiteRT's runtime hold operations of the same names, and each library starts threads
for all cores: one process per format keeps them apart and compares them fairly.
"""

import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from facial_keypoints.training.start_messages import hide_start_messages

Images = npt.NDArray[np.uint8]
Outputs = dict[str, npt.NDArray[np.float32]]
Run = Callable[[Images], Outputs]

_BATCH: Final = 64
_MIN_CALLS: Final = 3
_WARM_UP_CALLS: Final = 2


@dataclass(frozen=True)
class FileResult:
    """What a file predicts, and how fast.

    Attributes:
        outputs: By name, for all images.
        milliseconds_1: Median time of a call with one image.
        milliseconds_64: Median time of a call with 64 images.
        runtime: What ran it, with its version.
    """

    outputs: Outputs
    milliseconds_1: float
    milliseconds_64: float
    runtime: str


def run_file(kind: str, path: Path, images: Images, seconds: float) -> dict[str, FileResult]:
    """Predict with a file in every way and measure the speed, in a new process on one core.

    Args:
        kind: One of ``RUNTIMES``.
        path: The file.
        images: uint8 (n, 96, 96).
        seconds: Time to measure each latency for.

    Returns:
        The result of each way to run the file, by its name in ``RUNTIMES``.
    """
    context = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(_run_file, kind, path, images, seconds).result()


def _run_file(kind: str, path: Path, images: Images, seconds: float) -> dict[str, FileResult]:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    hide_start_messages()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    runs, runtime = RUNTIMES[kind](path)
    return {name: _measure(run, runtime, images, seconds) for name, run in runs.items()}


def _measure(run: Run, runtime: str, images: Images, seconds: float) -> FileResult:
    batches = [run(images[i : i + _BATCH]) for i in range(0, len(images), _BATCH)]
    outputs = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
    repeated = np.resize(images, (_BATCH, *images.shape[1:]))
    single, many = (_milliseconds(run, each, seconds) for each in (repeated[:1], repeated))
    return FileResult(outputs, single, many, runtime)


def _milliseconds(run: Run, images: Images, seconds: float) -> float:
    for _ in range(_WARM_UP_CALLS):
        run(images)
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < _MIN_CALLS or time.perf_counter() < end:
        start = time.perf_counter()
        run(images)
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times))


def _as_arrays(outputs: Any) -> Outputs:
    return {name: np.asarray(value, np.float32) for name, value in outputs.items()}


_Opened = tuple[dict[str, Run], str]


def _keras(path: Path) -> _Opened:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    import keras

    model = keras.saving.load_model(path, compile=False)
    of_any_size = tf.TensorSpec(model.input.shape, model.input.dtype)
    graph = tf.function(lambda images: model(images, training=False), [of_any_size])
    ways: dict[str, Run] = {
        "keras": lambda images: _as_arrays(graph(tf.constant(images))),
        "keras predict": lambda images: _as_arrays(model.predict(images, verbose=0)),
    }
    return ways, f"Keras {keras.__version__}, TensorFlow {tf.__version__}"


def _onnx(path: Path) -> _Opened:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(images: Images) -> Outputs:
        return _as_arrays(dict(zip(names, session.run(names, {"image": images}), strict=True)))

    return {"onnx": run}, f"onnxruntime {onnxruntime.__version__}"


def _litert(path: Path) -> _Opened:
    from importlib.metadata import version

    from ai_edge_litert.interpreter import Interpreter

    signature = Interpreter(str(path), num_threads=1).get_signature_runner()
    run = {"litert": lambda images: _as_arrays(signature(image=images))}
    return run, f"ai-edge-litert {version('ai-edge-litert')}"


RUNTIMES: Final[dict[str, Callable[[Path], _Opened]]] = {
    "keras": _keras,
    "onnx": _onnx,
    "litert": _litert,
}
"""Each returns functions from images to outputs by their names, and what runs them."""
