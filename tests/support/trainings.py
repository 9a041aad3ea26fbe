"""Training records for tests."""

from dataclasses import replace

from facial_keypoints.models.complexity import NetworkSize
from facial_keypoints.training.records import TrainingRecord

SIZE = NetworkSize(
    convs=5, pools=3, dense=1, filters=[8] * 5, parameters=10**6, multiply_adds=10**8
)


def make_record(**changes):
    """Return the record of a short training, but for ``changes``, of its network's size too."""
    size = {name: changes.pop(name) for name in vars(SIZE) if name in changes}
    fields = {
        "variant": "tiny",
        "architecture": "conv_stack",
        "settings": {},
        "fingerprint": "abc",
        "origin": {},
        "precision": "float32",
        "samples": 900,
        "epochs": 2,
        "steps": 20,
        "best_epoch": 2,
        "ended_by": "all epochs",
        "interrupted_after_epochs": [],
        "minutes": 0.5,
        "images_per_second": 60.0,
        "size": replace(SIZE, **size),
    }
    return TrainingRecord(**{**fields, **changes})
