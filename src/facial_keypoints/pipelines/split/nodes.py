"""Nodes of the split stage."""

import logging
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit

from facial_keypoints.errors import InputError
from facial_keypoints.faces import FaceSet
from facial_keypoints.parameters import SplitParameters

logger = logging.getLogger(__name__)


def split_faces(
    augmented: FaceSet, split: SplitParameters
) -> tuple[FaceSet, FaceSet, FaceSet, dict[str, Any]]:
    """Train, validation and hold-out sets, and an account of them.

    By ``source``, no source (and so no picture that occurs twice) has samples in two of the
    sets. By ``sample``, as in the paper's section 4, samples are drawn whatever their source:
    most held-out samples then have a sibling in training, and their error says little about
    new faces.

    Raises:
        InputError: if there are too few sources or samples to fill the three sets.
    """
    everything = np.arange(len(augmented))
    groups = augmented.source if split.by == "source" else None
    rest, holdout = _draw(everything, groups, split.holdout, split.seed)
    train, validation = _draw(rest, groups, split.validation, (split.seed + 1) % 2**32)
    parts = {"train": train, "validation": validation, "holdout": holdout}
    leaked = np.isin(augmented.source[holdout], augmented.source[rest])
    samples = {name: len(rows) for name, rows in parts.items()}
    account = {
        "by": split.by,
        "samples": samples,
        "sources": {name: len(np.unique(augmented.source[rows])) for name, rows in parts.items()},
        "holdout_samples_with_a_sibling_in_training": int(leaked.sum()),
    }
    logger.info(
        "Split by %s: %s training, %s validation, %s hold-out samples; "
        "%.1f %% of the hold-out has a sibling in training",
        split.by,
        *(f"{count:,}" for count in samples.values()),
        100 * leaked.mean(),
    )
    return (
        augmented.select(train),
        augmented.select(validation),
        augmented.select(holdout),
        account,
    )


def _draw(
    rows: npt.NDArray[np.integer],
    groups: npt.NDArray[np.integer] | None,
    share: float,
    seed: int,
) -> tuple[npt.NDArray[np.integer], npt.NDArray[np.integer]]:
    """The rows in two parts, the second with ``share`` of the groups (rounded up), in order."""
    splitter = ShuffleSplit if groups is None else GroupShuffleSplit
    here = None if groups is None else groups[rows]
    distinct = len(np.unique(rows if here is None else here))
    if distinct - math.ceil(share * distinct) < 1:
        things, hint = (
            ("samples", "")
            if groups is None
            else ("sources", "; are all pictures identical? split.by=sample does not mind")
        )
        raise InputError(
            f"cannot take {share:g} of {distinct:,} {things} and leave one: there are too few, or "
            f"split.holdout or split.validation is too large{hint}"
        )
    draw = splitter(n_splits=1, test_size=share, random_state=seed)
    first, second = next(draw.split(rows, groups=here))
    return rows[np.sort(first)], rows[np.sort(second)]
