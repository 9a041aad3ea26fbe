"""Studies with given losses, without training anything."""

import numpy as np
import pandas as pd
from parameters import base_parameters, section
from trainings import make_record

from facial_keypoints.augmentation.offline import AugmentationSummary
from facial_keypoints.evaluation.records import SetMetrics, VariantMetrics
from facial_keypoints.evaluation.splits import SetSummary, SplitSummary
from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import KEYPOINTS
from facial_keypoints.parameters import (
    SplitParameters,
    StudyParameters,
    TrainParameters,
    VariantParameters,
)
from facial_keypoints.study.comparison import compare_with_paper
from facial_keypoints.study.results import VariantResult
from facial_keypoints.training.fingerprints import fingerprint, origin_of, samples_origin
from facial_keypoints.training.records import Training
from facial_keypoints.training.study_plan import StudyPlan

FACES = FaceSet(
    images=np.zeros((1, 96, 96), np.uint8),
    keypoints=np.zeros((1, 15, 2), np.float32),
    labelled=np.ones((1, 15), bool),
    group=np.zeros(1, np.int32),
    population=np.zeros(1, np.int8),
    augmented=np.zeros(1, bool),
)
AUGMENTATION = AugmentationSummary(26239, {"original": 7049})
HISTORY = pd.DataFrame(
    {
        "epoch": [1, 2],
        "loss": [9.0, 4.0],
        "val_loss": [10.0, 5.0],
        "accuracy": [0.1, 0.5],
        "val_accuracy": [0.1, 0.4],
    }
)


def variant_named(name):
    return VariantParameters(
        name=name, architecture="conv_stack", settings={}, train=section(TrainParameters)
    )


def set_metrics(mse):
    unused = dict.fromkeys(("rmse", "rmse_a", "rmse_b", "nme", "failure_rate"))
    per_keypoint = dict.fromkeys(KEYPOINTS)
    return SetMetrics(
        *(1, 1, mse, 0.7), rmse_leaderboard=2.5, rmse_per_keypoint=per_keypoint, **unused
    )


def metrics_of(test, unseen, fingerprint=None):
    """Return metrics with these losses; the validation loss is 0.5 above the test loss."""
    return VariantMetrics(
        set_metrics(None if test is None else test + 0.5),
        set_metrics(test),
        None if unseen is None else set_metrics(unseen),
        fingerprint,
    )


def training_of(variant, **record):
    origin = origin_of(variant, samples_origin(FACES, FACES))
    made = make_record(origin=origin, fingerprint=fingerprint(origin), **record)
    return Training(made, HISTORY, lambda: None)


def result_of(name, test, unseen, **record):
    variant = variant_named(name)
    training = training_of(variant, **record)
    return VariantResult(variant, training, metrics_of(test, unseen, training.fingerprint))


def split_summary(leaked=80, unseen=100, scale=1.0, **parameters):
    sizes = {"train": 900, "validation": 90, "holdout": 100, "unseen": unseen}
    return SplitSummary(
        parameters=section(SplitParameters, **{"by": "sample", **parameters}),
        scale=scale,
        dropped_by_scale=0,
        leaked_holdout_samples=leaked,
        **{name: SetSummary(size, size, "") for name, size in sizes.items()},
    )


def study_of(losses, *, split=None, scale=1.0, plan=None, seeds=None, records=None, train=FACES):
    """Return the study in which each training has these (test, unseen) losses."""
    results = {
        name: result_of(name, test, unseen, **(records or {}).get(name, {}))
        for name, (test, unseen) in losses.items()
    }
    return compare_with_paper(
        base_parameters().paper,
        section(StudyParameters, seeds=seeds),
        plan or StudyPlan(scale),
        split or split_summary(scale=scale),
        AUGMENTATION,
        metrics_of(50.0, 60.0),
        True,
        train,
        results,
    )


def full_study():
    """Return a study of every variant: the test loss is twice the paper's, the unseen loss five
    times."""
    losses = dict.fromkeys(base_parameters().variants, (1.0, 3.0))
    for rows in base_parameters().paper.values():
        for row in rows:
            if row.test_loss is not None:
                losses[row.variant] = (2 * row.test_loss, 5 * row.test_loss)
    records = {}
    for name in losses:
        convs, _, rest = name.partition("cl-")
        if convs.isdigit():
            records[name] = {"convs": int(convs), "pools": int(rest[0])}
    return study_of(losses, records=records)
