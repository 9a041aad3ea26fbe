"""A task that networks learn at once, and trainings of it that take seconds."""

from typing import Any

import numpy as np
from parameters import base_parameters, section

from facial_keypoints.faces import FaceSet
from facial_keypoints.models.heads import MIRROR_PARTNERS, NUM_HEADS, to_heads
from facial_keypoints.parameters import (
    RandomTransformParameters,
    TrainParameters,
    VariantParameters,
)
from facial_keypoints.training.input_pipeline import Samples
from facial_keypoints.training.task import TrainingTask

TINY = {"convs": 2, "pools": 2, "convs_per_pool": 1, "width": 0.1, "dropout": 0.2}
"""Dropout and batch normalisation: random states and moving statistics, for checkpoints to keep."""
TINY_HEAT_MAPS = {"filters": 2, "points": NUM_HEADS}
BATCH_SIZE = 16


def bright_spots(count: int, seed: int = 0) -> FaceSet:
    """Return faces of which all 15 keypoints are one bright spot; a third lacks ten labels."""
    generator = np.random.default_rng(seed)
    centres = generator.uniform(20, 76, (count, 2))
    grid = np.arange(96) + 0.5
    across = np.exp(-np.square(grid - centres[:, :1]) / 200)
    down = np.exp(-np.square(grid - centres[:, 1:]) / 200)
    keypoints = np.repeat(centres[:, None, :], 15, axis=1).astype(np.float32)
    keypoints[::3, 5:] = np.nan
    return FaceSet(
        images=(255 * down[:, :, None] * across[:, None, :]).astype(np.uint8),
        keypoints=keypoints,
        labelled=np.isfinite(keypoints).all(axis=2),
        group=np.arange(count, dtype=np.int32),
        population=np.zeros(count, dtype=np.int8),
        augmented=np.zeros(count, dtype=bool),
    )


def train_parameters(**changes: Any) -> TrainParameters:
    """Return how the tests train, but for ``changes``."""
    return section(
        TrainParameters,
        **{"precision": "float32", "batch_size": BATCH_SIZE, "deterministic": True, **changes},
    )


def variant(**train: Any) -> VariantParameters:
    """Return a tiny variant, trained as the tests do, but for ``train``."""
    return VariantParameters(
        name="tiny", architecture="conv_stack", settings=TINY, train=train_parameters(**train)
    )


def task(faces: FaceSet, validation: FaceSet | None = None, **train: Any) -> TrainingTask:
    """Return the training of a tiny network.

    Args:
        faces: To train on.
        validation: To validate on; None validates nothing.
        train: Of ``train_parameters``.
    """
    return TrainingTask(
        name="tiny",
        architecture="conv_stack",
        settings=TINY,
        train=train_parameters(**train),
        samples=Samples.from_faces(faces),
        validation=None if validation is None else Samples.from_faces(validation),
    )


def member_training(faces: FaceSet, **train: Any) -> TrainingTask:
    """Return the training of a tiny ensemble member, one epoch unless ``train`` says otherwise.

    Args:
        faces: To train on.
        train: Of ``train_parameters``.
    """
    targets = to_heads(faces.keypoints, faces.population)
    competition = {
        "epochs": 1,
        "optimizer": "adamw",
        "learning_rate": 5e-3,
        "loss": "huber",
        "schedule": "cosine",
        "warmup_steps": 4,
        "early_stopping_patience": None,
        "ema_decay": 0.9,
    }
    return TrainingTask(
        name="member 1",
        architecture="heatmap_unet",
        settings=TINY_HEAT_MAPS,
        train=train_parameters(**{**competition, **train}),
        samples=Samples(faces.images, targets, np.ones(targets.shape[:2], np.float32)),
        mirror_partners=MIRROR_PARTNERS,
    )


def all_transforms() -> RandomTransformParameters:
    """Return random transforms of every kind, as strong as in the base environment."""
    augmentation = base_parameters().competition.train.augmentation
    assert augmentation is not None
    return augmentation


class PowerCutError(Exception):
    """Raised in the middle of a training, as if its process was killed."""


def cut_power(monkeypatch: Any, step: int) -> None:
    """Raise ``PowerCutError`` in every training after its step of this number.

    Args:
        monkeypatch: Restores the trainer afterwards.
        step: From 1, steps before an interruption included.
    """
    from facial_keypoints.training import callbacks

    class Cut(callbacks.DivergenceGuard):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if int(self.model.optimizer.iterations) == step:
                raise PowerCutError

    monkeypatch.setattr(callbacks, "DivergenceGuard", Cut)


def assert_same_weights(ours: list[Any], theirs: list[Any]) -> None:
    """Raise unless both lists hold the same arrays, to the last bit."""
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)
