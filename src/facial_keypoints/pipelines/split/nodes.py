"""Nodes of the split pipeline."""

import logging
from typing import Any

from facial_keypoints.evaluation.splits import SETS, SplitSummary, split_rows, summarise_split
from facial_keypoints.faces import FaceSet
from facial_keypoints.formatting import format_count
from facial_keypoints.parameters import SplitParameters, StudyParameters, VariantParameters
from facial_keypoints.pipelines import by_variant
from facial_keypoints.training.fingerprints import fingerprint
from facial_keypoints.training.session import Session
from facial_keypoints.training.study_plan import StudyPlan
from facial_keypoints.training.study_planning import make_study_plan
from facial_keypoints.training.workers import Workers
from facial_keypoints.training.workload_times import Workload

logger = logging.getLogger(__name__)


def plan_study(
    augmented: FaceSet,
    split: SplitParameters,
    study: StudyParameters,
    session: Session,
    workers: Workers,
    earlier: StudyPlan | None,
    **inputs: Any,
) -> StudyPlan:
    """Choose the scale at which all variants fit into the study's budget.

    The plan of an earlier run is used again for the same budget, samples and variants, so that a
    run that was interrupted continues.

    Args:
        augmented: All samples.
        split: How they will be split.
        study: The budget, and what the user has decided.
        session: Its start is the budget's.
        workers: Where the variants train.
        earlier: The plan of an earlier run.
        inputs: "parameters" of every variant.
    """
    if study.minutes is None:
        return StudyPlan(study.scale or 1.0, study.width, study.epochs)
    variants = {
        name: VariantParameters.model_validate(parameters)
        for name, parameters in by_variant(inputs, "parameters").items()
    }
    request = fingerprint(
        {
            "samples": augmented.digest(),
            **{name: each.model_dump(mode="json") for name, each in variants.items()},
            "split": split.model_dump(mode="json"),
            "study": study.model_dump(mode="json", include={"minutes", "scale", "width", "epochs"}),
        }
    )
    if study.reuse and earlier is not None and earlier.request == request:
        logger.info(
            "study.scale=%g, as an earlier run planned it for the same budget, samples and "
            "variants; study.reuse=false plans again",
            earlier.scale,
        )
        at_a_time = workers.nodes_at_a_time(len(variants))
        if at_a_time < earlier.at_a_time:
            logger.warning(
                "The plan is for %s at a time, and now there %s: study.minutes may be too short "
                "for those that remain, and stop them",
                format_count(earlier.at_a_time, "training"),
                "is one" if at_a_time == 1 else f"are {at_a_time}",
            )
        return earlier
    samples = len(split_rows(augmented.group, split, 1.0)["train"])
    end = session.started_at + 60 * study.minutes
    return make_study_plan(study, Workload(augmented, samples, variants, workers), end, request)


def split_faces(
    augmented: FaceSet, split: SplitParameters, plan: StudyPlan
) -> tuple[FaceSet, FaceSet, FaceSet, FaceSet, SplitSummary]:
    """Split all samples into a training, a validation, a hold-out and an unseen set.

    Args:
        augmented: All samples, originals and copies.
        split: Fractions, seed and kind of the split.
        plan: Its scale reduces the faces to train, validate and (by sample) hold out.

    Returns:
        Training, validation, hold-out and unseen set; and their summary.

    Raises:
        InputError: if there are too few groups or samples to fill the sets.
    """
    rows = split_rows(augmented.group, split, plan.scale)
    sets = {name: augmented.select(rows[name]) for name in SETS}
    summary = summarise_split(sets, len(rows["dropped"]), split, plan.scale)
    return sets["train"], sets["validation"], sets["holdout"], sets["unseen"], summary
