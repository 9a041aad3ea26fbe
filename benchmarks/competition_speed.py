"""How fast the competition's loop trains and predicts, against plain Keras on the same net.

One run measures, on all cores that it may use: pictures per second of our loop (processes side by
side, distortions and all), of the same without oneDNN, of Keras' `train_on_batch` in the same
precision and of `fit` in float32 on arrays in memory, both without distortions but with oneDNN,
which TensorFlow leaves off on some processors; what share of a step the distortions take;
what share of the processor's matrix multiplication is reached; and prediction, of many pictures
with their mirror images and of a single one, against Keras' `predict`.

Each measurement has processes of its own. They take turns, `--repeats` times, and the median
counts.
"""

import argparse
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest import mock

import numpy as np
from facial_keypoints.training.member import TrainingTask, measure_speed
from measuring import print_table
from stages import CONF

from facial_keypoints.framework.config_loader import load_parameters
from facial_keypoints.models.complexity import complexity
from facial_keypoints.models.heads import NUM_HEADS
from facial_keypoints.models.registry import build_model
from facial_keypoints.parameters import RandomTransformParameters
from facial_keypoints.pipelines.compete.plan import SIZES, number_of_processes
from facial_keypoints.training import workers
from facial_keypoints.training.hardware import use_onednn
from facial_keypoints.training.precision import choose_precision

FACES = 512


@dataclass(frozen=True)
class Trial:
    """What to measure, with how large a net, for how long."""

    size: str
    batch: int
    precision: str
    seconds: float
    predicted: int = 256


def faces(count: int) -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (count, 96, 96), dtype=np.uint8)
    return images, random.uniform(10, 86, (count, NUM_HEADS, 2)).astype(np.float32)


def per_second(work: Callable[[], int], seconds: float) -> float:
    """Pictures per second, after a warm-up that builds the graphs."""
    work()
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        done += work()
    return done / (time.perf_counter() - began)


def task_of(trial: Trial, distortions: RandomTransformParameters) -> TrainingTask:
    images, labels = faces(FACES)
    return TrainingTask(
        name="speed",
        minutes=0.0,
        settings=SIZES[trial.size],
        recipe=load_parameters(CONF).competition.recipe.model_copy(
            update={"batch_size": trial.batch, "distortions": distortions}
        ),
        precision=trial.precision,
        seed=0,
        images=images,
        labels=labels,
        shares=np.ones((FACES, NUM_HEADS), np.float32),
        start=None,
        progress=(0.0, 0.0),
        strength=(1.0, 1.0),
        ends=0.0,
        predict=images[: trial.predicted],
    )


def our_loop(trial: Trial, distortions: RandomTransformParameters, processes: int) -> float:
    queues = [[task_of(trial, distortions)]] * processes
    found = workers.run_side_by_side(measure_speed, queues, lambda _: None, keep=False)
    return sum(speeds[0].trained for speeds in found)


def without_onednn(work: Callable[[], float]) -> float:
    """With TensorFlow's own kernels in the processes that it starts."""
    with mock.patch.dict(os.environ, TF_ENABLE_ONEDNN_OPTS="0"):
        return work()


def in_keras(kind: str, trial: Trial) -> float:
    """`train_on_batch` in our precision, or `fit` in float32."""
    import keras

    precision = trial.precision if kind == "train_on_batch" else "float32"
    keras.config.set_dtype_policy(precision)
    images, labels = faces(FACES)
    net = build_model("heatmap_unet", {**SIZES[trial.size], "points": NUM_HEADS})
    net.compile(keras.optimizers.AdamW(1e-3), "mean_absolute_error", jit_compile=False)
    targets = labels.reshape(FACES, -1)
    if kind == "fit":
        pixels = images.astype(np.float32)

        def epoch() -> int:
            net.fit(pixels, targets, batch_size=trial.batch, verbose=0)
            return FACES

        return per_second(epoch, trial.seconds)
    batch, answers = images[: trial.batch], targets[: trial.batch]

    def step() -> int:
        net.train_on_batch(batch, answers)
        return trial.batch

    return per_second(step, trial.seconds)


def matmul(trial: Trial, report: workers.Report) -> float:
    """Operations per second of one large product of matrices in the trial's precision."""
    import tensorflow as tf

    kind = tf.bfloat16 if trial.precision == "mixed_bfloat16" else tf.float32
    side = 2048
    matrix = tf.cast(tf.random.normal((side, side)), kind)
    product = tf.function(tf.matmul)

    def work() -> int:
        product(matrix, matrix)
        return 1

    return per_second(work, trial.seconds) * 2 * side**3


def predictions(trial: Trial) -> dict[str, float]:
    """Pictures per second, mirrored ones not counted, and seconds of a single one."""
    from facial_keypoints.models.ensemble import ensemble_model
    from facial_keypoints.models.inference import point_finder

    net = build_model("heatmap_unet", {**SIZES[trial.size], "points": NUM_HEADS})
    ensemble = ensemble_model(
        SIZES[trial.size], [net.get_weights()], np.zeros((NUM_HEADS, 2), np.float32)
    )
    images, _ = faces(trial.predicted)
    find = point_finder(ensemble)

    def by_predict(pictures: Any) -> None:
        net.predict(pictures, verbose=0)
        net.predict(pictures[:, :, ::-1], verbose=0)

    return {
        f"{name} {kind}": per_second(partial(answered, way, pictures), trial.seconds)
        for name, way in (("ours", find), ("keras", by_predict))
        for kind, pictures in (("many", images), ("one", images[:1]))
    }


def answered(way: Callable[[Any], object], pictures: Any) -> int:
    way(pictures)
    return len(pictures)


def alone(work: Callable[[Trial], Any], trial: Trial) -> Any:
    """In a process of its own, with the threads that TensorFlow itself chooses."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, (trial,))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    recipe = load_parameters(CONF).competition.recipe
    parser.add_argument("--size", choices=SIZES, default="medium")
    parser.add_argument("--batch", type=int, default=recipe.batch_size)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each but our loop's")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    use_onednn()
    precision, why = choose_precision("auto")
    cores = workers.number_of_cores()
    processes = number_of_processes(cores)
    trial = Trial(args.size, args.batch, precision, args.seconds)
    print(f"{args.size} net, batches of {args.batch}, {cores} core(s), {precision}: {why}\n")
    with_all = partial(our_loop, trial, recipe.distortions, processes)
    ways: dict[str, Callable[[], float]] = {
        "our loop": with_all,
        "our loop without distortions": partial(
            our_loop, trial, RandomTransformParameters.none(), processes
        ),
        "our loop without oneDNN": partial(without_onednn, with_all),
        f"train_on_batch, {precision}": partial(alone, partial(in_keras, "train_on_batch"), trial),
        "fit, float32": partial(alone, partial(in_keras, "fit"), trial),
    }
    rounds = []
    for _ in range(args.repeats):
        rates = {name: way() for name, way in ways.items()}
        products = workers.run_side_by_side(matmul, [[trial]] * cores, lambda _: None, keep=False)
        rounds.append(
            rates | {"matmul": sum(found[0] for found in products)} | alone(predictions, trial)
        )
    median = {name: statistics.median(round_[name] for round_ in rounds) for name in rounds[0]}
    ours = median["our loop"]
    print_table(
        ["training", "images/s", "our loop is faster by"],
        [[name, f"{median[name]:.0f}", f"{ours / median[name]:.2f}"] for name in ways],
    )
    bare = median["our loop without distortions"]
    print(f"\nShare of a step that the distortions take: {1 - ours / bare:.1%}")
    work = complexity(build_model("heatmap_unet", {**SIZES[args.size], "points": NUM_HEADS}))
    # two operations per multiply-add, forward and twice as many backward
    reached = 6 * float(work["multiply_adds"]) * ours
    peak = median["matmul"]
    print(
        f"Operations per second: {reached / 1e9:.0f} G, {reached / peak:.0%} of what a product of "
        f"matrices reaches side by side ({peak / 1e9:.0f} G)\n"
    )
    print_table(
        ["prediction, mirror image included", "ours", "Keras' predict, float32", "ratio"],
        [
            [
                "256 pictures, per second",
                f"{median['ours many']:.0f}",
                f"{median['keras many']:.0f}",
                f"{median['ours many'] / median['keras many']:.2f}",
            ],
            [
                "one picture, ms",
                f"{1000 / median['ours one']:.1f}",
                f"{1000 / median['keras one']:.1f}",
                f"{median['ours one'] / median['keras one']:.2f}",
            ],
        ],
    )


if __name__ == "__main__":
    main()
