"""Nodes of the split pipeline."""

from facial_keypoints.evaluation.splits import SETS, SplitSummary, split_rows, summarise_split
from facial_keypoints.faces import FaceSet
from facial_keypoints.parameters import SplitParameters, StudyParameters


def split_faces(
    augmented: FaceSet, split: SplitParameters, study: StudyParameters
) -> tuple[FaceSet, FaceSet, FaceSet, FaceSet, SplitSummary]:
    """Split all samples into four sets.

    Args:
        augmented: All samples, originals and copies.
        split: Fractions, seed and kind of the split.
        study: Its scale reduces the faces to train, validate and (by sample) hold out.

    Returns:
        Training, validation, hold-out and unseen set; and their summary.

    Raises:
        InputError: if there are too few groups or samples to fill the sets.
    """
    rows = split_rows(augmented.group, split, study.scale)
    sets = {name: augmented.select(rows[name]) for name in SETS}
    summary = summarise_split(sets, len(rows["dropped"]), split, study.scale)
    return sets["train"], sets["validation"], sets["holdout"], sets["unseen"], summary
