"""Nodes of the split stage."""

import logging
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit

from facial_keypoints.errors import InputError
from facial_keypoints.faces import FaceSet
from facial_keypoints.parameters import SplitParameters, StudyParameters

logger = logging.getLogger(__name__)

Rows = npt.NDArray[np.integer]


def split_faces(
    augmented: FaceSet, split: SplitParameters, study: StudyParameters
) -> tuple[FaceSet, FaceSet, FaceSet, FaceSet, dict[str, Any]]:
    """Train, validation, hold-out and unseen sets, and an account of them.

    By ``group``, no group (and so no picture that occurs twice) has samples in two of the
    sets. By ``sample``, as in the paper's section 4, samples are drawn whatever their group:
    most held-out samples then have a sibling in training, and their error says little about
    new faces. For that there is the unseen set: all samples of a share of the groups, taken
    out beforehand. By group it is empty, since the hold-out is unseen itself. With the same
    shares and the same seed it holds the very faces that a split by group holds out.

    ``study.scale`` then leaves that share of the remaining groups to train, validate and (by
    sample) hold out; the honest set stays whole.

    Raises:
        InputError: if there are too few groups or samples to fill the sets.
    """
    everything = np.arange(len(augmented))
    group = augmented.group
    by_group = split.by == "group"
    share = split.holdout if by_group else split.unseen
    name = "split.holdout" if by_group else "split.unseen"
    rest, unseen = _draw(everything, group, share, split.seed, name)
    remaining = len(np.unique(group[rest]))
    if remaining - math.ceil((1 - study.scale) * remaining) < 1:
        raise InputError(
            f"study.scale={study.scale:g} leaves none of {remaining:,} faces to train on; ten "
            f"would need {min(1.0, 10 / max(remaining, 1)):.2g}"
        )
    rest, dropped = _draw(rest, group, 1 - study.scale, split.seed, "study.scale")
    groups = group if by_group else None
    if by_group:
        holdout, unseen = unseen, unseen[:0]
    else:
        rest, holdout = _draw(
            rest, None, split.holdout, split.seed, "split.holdout", shuffle=split.shuffle
        )
    seed = (split.seed + 1) % 2**32
    train, validation = _draw(
        rest, groups, split.validation, seed, "split.validation", shuffle=by_group or split.shuffle
    )
    rows = {"train": train, "validation": validation, "holdout": holdout, "unseen": unseen}
    parts = {part: augmented.select(of_part) for part, of_part in rows.items()}
    leaked = np.isin(group[holdout], group[rest])
    samples = {part: len(faces) for part, faces in parts.items()}
    account = {
        "by": split.by,
        "parameters": {**split.model_dump(mode="json"), "scale": study.scale},
        "samples": samples,
        "groups": {part: len(np.unique(faces.group)) for part, faces in parts.items()},
        "digests": {part: faces.digest() for part, faces in parts.items()},
        "samples_left_out_by_scale": len(dropped),
        "holdout_samples_with_a_sibling_in_training": int(leaked.sum()),
    }
    logger.info(
        "Split by %s: %s training, %s validation, %s hold-out and %s unseen samples; "
        "%.1f %% of the hold-out has a sibling in training%s",
        split.by,
        *(f"{count:,}" for count in samples.values()),
        100 * leaked.mean(),
        f"; {len(dropped):,} left out (study.scale {study.scale:g})" if len(dropped) else "",
    )
    if not by_group and not split.unseen:
        logger.warning(
            "Split by sample without unseen faces: nothing will tell how much of the results is "
            "leakage. --params split.unseen=0.15 keeps faces for that"
        )
    return parts["train"], parts["validation"], parts["holdout"], parts["unseen"], account


def _draw(
    rows: Rows,
    groups: Rows | None,
    share: float,
    seed: int,
    parameter: str,
    shuffle: bool = True,
) -> tuple[Rows, Rows]:
    """The rows in two parts, the second with ``share`` of them or of their groups (rounded up);
    both in order. Without ``shuffle`` the second part are the last rows.
    """
    if share == 0:
        return rows, rows[:0]
    here = None if groups is None else groups[rows]
    distinct = len(np.unique(rows if here is None else here))
    count = math.ceil(share * distinct)
    if distinct - count < 1:
        things = "samples" if here is None else "faces"
        by_group = here is not None and parameter != "split.unseen"
        hint = "; are all pictures identical? split.by=sample does not mind" if by_group else ""
        raise InputError(
            f"cannot take {share:g} of {distinct:,} {things} and leave one: there are too few, or "
            f"{parameter} does not suit them{hint}"
        )
    if not shuffle:
        return rows[:-count], rows[-count:]
    splitter = ShuffleSplit if here is None else GroupShuffleSplit
    draw = splitter(n_splits=1, test_size=share, random_state=seed)
    first, second = next(draw.split(rows, groups=here))
    return rows[np.sort(first)], rows[np.sort(second)]
