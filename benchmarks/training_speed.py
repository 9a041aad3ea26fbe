"""Training and prediction speed of the trainer, against plain Keras with the same network.

The first table has images per second of training, in the same precision everywhere:

- "trainer": ``measure_speed`` with the configured parameters, as a run trains;
- "Keras' fit": the same network of Keras' own layers, ``fit`` on arrays in memory, no augmentation
  and no averaged weights;
- for members of the ensemble also the trainer without augmentation and averaged weights, which
  does the same work as "Keras' fit";
- for the last variant and the last size, the trainer with one of its parts replaced or left out.

Operations are 6 per multiply-add and image: a multiplication and an addition, forward and twice as
many backward. They are compared with a product of two large matrices in the same precision.

The second table compares ``make_predictor`` with Keras' ``predict`` on an ensemble of one member in
float32, mirror images included.

Each measurement has its own process. They take turns, ``--repeats`` times; the median counts.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt
from measuring import count, in_fresh_process, print_machine, print_table
from project import CONF

from facial_keypoints.framework.config_loader import load_parameters
from facial_keypoints.keypoints import NUM_KEYPOINTS, SWAP_INDEX
from facial_keypoints.models.heads import MIRROR_PARTNERS, NUM_HEADS
from facial_keypoints.models.registry import build_model
from facial_keypoints.pipelines.compete.plan import SIZES
from facial_keypoints.training.hardware import use_onednn
from facial_keypoints.training.input_pipeline import Samples
from facial_keypoints.training.keras_session import keras_session
from facial_keypoints.training.precision import choose_precision
from facial_keypoints.training.speed import measure_speed
from facial_keypoints.training.task import TrainingTask

TRAINED_IMAGES = 4096  # enough for one epoch of Keras' fit to last longer than the measurement
PREDICTED_IMAGES = 256
MATRIX_SIZE = 4096


@dataclass(frozen=True)
class Way:
    """A way to train a network.

    Attributes:
        name: For the table.
        train: Training parameters that differ from the configured ones.
        replaced: Names in ``fast_layers``, and the layers of Keras used instead.
        use_ema: Whether the optimizer averages the weights, not the trainer.
        keras_fit: Whether Keras' fit trains on arrays, not the trainer.
        environment: Environment variables of the process.
    """

    name: str
    train: dict[str, Any] = field(default_factory=dict)
    replaced: dict[str, str] = field(default_factory=dict)
    use_ema: bool = False
    keras_fit: bool = False
    environment: dict[str, str] = field(default_factory=dict)


TRAINER = Way("trainer")
KERAS_FIT = Way("Keras' fit", keras_fit=True)
BARE = Way("without augmentation and EMA", train={"augmentation": None, "ema_decay": None})
PIECES = (
    Way("Keras' batch normalisation", replaced={"FusedBatchNormalization": "BatchNormalization"}),
    Way("without oneDNN", environment={"TF_ENABLE_ONEDNN_OPTS": "0"}),
)
MATMUL = Way("Keras' convolution on small maps", replaced={"MatmulConv2D": "Conv2D"})
PIECES_OF_MEMBERS = (
    Way("without augmentation", train={"augmentation": None}),
    Way("without EMA", train={"ema_decay": None}),
    Way("Keras' use_ema", train={"ema_decay": None}, use_ema=True),
    Way("constant learning rate", train={"schedule": "plateau"}),
)


@dataclass(frozen=True)
class Size:
    """Multiply-adds per image, and whether the network has a ``MatmulConv2D``."""

    multiply_adds: int
    has_matmul: bool


def make_task(network: str, changes: dict[str, Any]) -> TrainingTask:
    """Return the training of a network on random images; speed does not depend on what they show.

    Args:
        network: A variant, or one of ``SIZES``.
        changes: Training parameters that differ from the configured ones.
    """
    parameters = load_parameters(CONF)
    if network in SIZES:
        architecture, settings = "heatmap_unet", {**SIZES[network], "points": NUM_HEADS}
        train, points, partners = parameters.competition.train, NUM_HEADS, MIRROR_PARTNERS
    else:
        variant = parameters.variants[network]
        architecture, settings = variant.architecture, variant.settings
        train, points, partners = variant.train, NUM_KEYPOINTS, SWAP_INDEX
    targets = np.random.default_rng(0).uniform(10, 86, (TRAINED_IMAGES, points, 2))
    return TrainingTask(
        name=network,
        architecture=architecture,
        settings=settings,
        train=train.model_copy(update=changes),
        samples=Samples(
            random_images(TRAINED_IMAGES),
            targets.astype(np.float32),
            np.ones((TRAINED_IMAGES, points), np.float32),
        ),
        mirror_partners=partners,
        initial_strength=1.0,
    )


def random_images(number: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (number, 96, 96), dtype=np.uint8)


def training_speed(network: str, way: Way, seconds: float) -> float:
    """Return images per second of training.

    Args:
        network: A variant, or one of ``SIZES``.
        way: How to train it.
        seconds: To measure, after the graph is built.
    """
    import keras

    from facial_keypoints.models import fast_layers

    task = make_task(network, way.train)
    if way.keras_fit:
        return keras_fit_speed(task, seconds)
    with ExitStack() as patches:
        for layer, instead in way.replaced.items():
            patched = mock.patch.object(fast_layers, layer, getattr(keras.layers, instead))
            patches.enter_context(patched)
        if way.use_ema:
            adamw = partial(keras.optimizers.AdamW, use_ema=True)
            patches.enter_context(mock.patch.object(keras.optimizers, "AdamW", adamw))
        return measure_speed(task, seconds).trained


def keras_fit_speed(task: TrainingTask, seconds: float) -> float:
    """Return images per second of Keras' fit on arrays in memory, with Keras' own layers.

    Args:
        task: What to train.
        seconds: To measure, after the graph is built.
    """
    import keras

    from facial_keypoints.training.progress import Stopwatch

    train, samples = task.train, task.samples
    stopwatch = Stopwatch(seconds)
    with keras_session(
        train, choose_precision(train.precision, task.architecture, task.settings)[0]
    ):
        model = build_model(task.architecture, task.settings)
        kind = keras.optimizers.AdamW if train.optimizer == "adamw" else keras.optimizers.Adam
        optimizer = kind(train.learning_rate, global_clipnorm=train.global_clipnorm)
        loss = keras.losses.Huber(train.huber_delta) if train.loss == "huber" else train.loss
        model.compile(optimizer, loss, jit_compile=False)
        targets = samples.targets.reshape(len(samples), -1)
        size = train.batch_size
        model.fit(samples.images, targets, batch_size=size, verbose=0, callbacks=[stopwatch])
    return size / stopwatch.seconds_per_step


def network_sizes(networks: list[str]) -> dict[str, Size]:
    from facial_keypoints.models.complexity import network_size
    from facial_keypoints.models.fast_layers import MatmulConv2D

    sizes = {}
    for network in networks:
        task = make_task(network, {})
        model = build_model(task.architecture, {**task.settings, "fast_training": True})
        has_matmul = any(isinstance(layer, MatmulConv2D) for layer in model.layers)
        sizes[network] = Size(network_size(model).multiply_adds, has_matmul)
    return sizes


def matmul_speed(precision: str, seconds: float) -> float:
    """Return operations per second of a product of two large matrices on all cores.

    Args:
        precision: Keras' name of the dtype policy.
        seconds: To measure.
    """
    import tensorflow as tf

    dtype = precision.removeprefix("mixed_")
    matrix = tf.cast(tf.random.normal((MATRIX_SIZE, MATRIX_SIZE)), dtype)
    # a single number, which is read: on a GPU the call returns before the product is done
    product = tf.function(lambda: tf.reduce_sum(tf.matmul(matrix, matrix)))
    return per_second(lambda: float(product()), seconds) * 2 * MATRIX_SIZE**3


def prediction_speed(size: str, with_keras: bool, seconds: float) -> tuple[float, float]:
    """Return images per second of an ensemble of one member: of many images, and of a single one.

    Args:
        size: One of ``SIZES``.
        with_keras: Predict with Keras' ``predict`` in place of ``make_predictor``.
        seconds: To measure each.
    """
    from facial_keypoints.models.ensemble import build_ensemble
    from facial_keypoints.models.inference import make_predictor

    member = build_model("heatmap_unet", {**SIZES[size], "points": NUM_HEADS})
    bias = np.zeros((NUM_HEADS, 2), np.float32)
    model = build_ensemble(SIZES[size], [member.get_weights()], bias)
    predict = partial(model.predict, verbose=0) if with_keras else make_predictor(model)
    images = random_images(PREDICTED_IMAGES)
    many = per_second(lambda: predict(images), seconds) * PREDICTED_IMAGES
    return many, per_second(lambda: predict(images[:1]), seconds)


def per_second(work: Callable[[], object], seconds: float) -> float:
    """Return how often per second ``work`` is done, after a first time that builds its graph."""
    work()
    started, done = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        work()
        done += 1
    return done / (time.perf_counter() - started)


def ways_of(network: str, size: Size, with_pieces: bool) -> list[Way]:
    ways = [TRAINER, KERAS_FIT]
    if network in SIZES:
        ways.insert(1, BARE)
    if with_pieces:
        ways += [MATMUL] if size.has_matmul else []
        ways += [*PIECES, *(PIECES_OF_MEMBERS if network in SIZES else ())]
    return ways


def measure_way(network: str, way: Way, seconds: float) -> float:
    with mock.patch.dict(os.environ, way.environment):
        speed = in_fresh_process(training_speed, network, way, seconds).result
    print(f"  {network}, {way.name}: {speed:.0f} images/s", flush=True)
    return speed


def print_training(
    speeds: dict[tuple[str, str], list[float]], sizes: dict[str, Size], peak: float
) -> None:
    """Print a line for each network and way.

    Args:
        speeds: Images per second, each repeat, by network and name of the way.
        sizes: Of each network.
        peak: Operations per second of a product of matrices.
    """
    rows = []
    median = {case: statistics.median(values) for case, values in speeds.items()}
    for (network, way), speed in median.items():
        operations = 6 * sizes[network].multiply_adds * speed
        rows.append(
            [
                network if way == TRAINER.name else "",
                way,
                f"{speed:.0f}",
                f"{speed / median[network, TRAINER.name]:.2f}",
                f"{operations / 1e9:.0f}",
                f"{operations / peak:.0%}",
            ]
        )
    header = ["network", "training", "images/s", "of the trainer's", "G operations/s", "of matmul"]
    print_table(header, rows, left=2)
    print(f"Product of matrices: {peak / 1e9:.0f} G operations/s\n")


def print_prediction(size: str, ours: list[float], keras: list[float]) -> None:
    """Print milliseconds per image, of many images and of one.

    Args:
        size: Of the member.
        ours: Images per second with ``make_predictor``.
        keras: Images per second with ``predict``.
    """
    rows = [
        [f"{size}, {what}", f"{1000 / a:.2f}", f"{1000 / b:.2f}", f"{a / b:.2f}"]
        for what, a, b in zip((f"{PREDICTED_IMAGES} images", "one image"), ours, keras, strict=True)
    ]
    print_table(["prediction, ms per image", "make_predictor", "predict", "ratio"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    variants = "5cl-3mpl,10cl-3mpl,15cl-5mpl"
    parser.add_argument("--variants", default=variants, help="separated by commas (%(default)s)")
    parser.add_argument("--sizes", default="small,medium", help="of members (%(default)s)")
    parser.add_argument("--repeats", type=count, default=1, help="of each (%(default)s)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each (%(default)s)")
    parser.add_argument("--only-totals", action="store_true", help="no lines for single parts")
    args = parser.parse_args()
    chosen, members = (
        [name for name in text.split(",") if name] for text in (args.variants, args.sizes)
    )
    configured = load_parameters(CONF).variants
    unknown = [name for name in chosen if name not in configured]
    unknown += [name for name in members if name not in SIZES]
    if unknown:
        parser.error(
            f"unknown network {unknown[0]!r}; variants: {', '.join(configured)}; "
            f"sizes: {', '.join(SIZES)}"
        )
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    use_onednn()
    precision, reason = in_fresh_process(choose_precision, "auto", "conv_stack", {}).result
    print_machine()
    print(f"{precision}: {reason}", flush=True)

    networks = [*chosen, *members]
    pieces = set() if args.only_totals else {*chosen[-1:], *members[-1:]}
    sizes = in_fresh_process(network_sizes, networks).result
    ways = {name: ways_of(name, sizes[name], name in pieces) for name in networks}
    speeds: dict[tuple[str, str], list[float]] = {}
    peaks: list[float] = []
    predicted: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    for _ in range(args.repeats):
        peaks.append(in_fresh_process(matmul_speed, precision, args.seconds).result)
        for network in networks:
            for way in ways[network]:
                speed = measure_way(network, way, args.seconds)
                speeds.setdefault((network, way.name), []).append(speed)
        for size in members[-1:]:
            for with_keras, measured in predicted.items():
                done = in_fresh_process(prediction_speed, size, with_keras, args.seconds / 2)
                measured.append(done.result)
    print()
    print_training(speeds, sizes, statistics.median(peaks))
    if members:
        medians = (np.median(values, axis=0).tolist() for values in predicted.values())
        print_prediction(members[-1], *medians)


if __name__ == "__main__":
    main()
