"""Split samples into training, validation, hold-out and unseen sets."""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from facial_keypoints.errors import InputError
from facial_keypoints.faces import FaceSet
from facial_keypoints.parameters import SplitParameters

logger = logging.getLogger(__name__)

Rows = npt.NDArray[np.integer]

SETS: Final = ("train", "validation", "holdout", "unseen")


@dataclass(frozen=True)
class SetSummary:
    """Describe one set of a split.

    Attributes:
        samples: Number of samples, augmented copies included.
        groups: Number of groups that they belong to.
        digest: Of the set's content (see ``FaceSet.digest``).
    """

    samples: int
    groups: int
    digest: str


@dataclass(frozen=True)
class SplitSummary:
    """Describe a split.

    Attributes:
        parameters: How the samples were split.
        scale: Fraction of the groups that were kept to train, validate and hold out.
        train: What trains.
        validation: What selects epochs, learning rates and the champion.
        holdout: What measures.
        unseen: Groups kept apart from all other sets; empty in a split by group.
        dropped_by_scale: Samples in none of the sets, because of ``scale``.
        leaked_holdout_samples: Hold-out samples with a copy (a sample of the same group) in
            training or validation.
    """

    parameters: SplitParameters
    scale: float
    train: SetSummary
    validation: SetSummary
    holdout: SetSummary
    unseen: SetSummary
    dropped_by_scale: int
    leaked_holdout_samples: int

    @property
    def leaks(self) -> bool:
        """Whether any hold-out sample has a copy in training or validation."""
        return self.leaked_holdout_samples > 0


def split_rows(group: Rows, parameters: SplitParameters, scale: float) -> dict[str, Rows]:
    """Split samples by group or by sample.

    By group, no group has samples in two of the sets, and the unseen set is empty. By sample, the
    paper's way, the hold-out is drawn whatever the group, so that most of its samples have a
    copy in training. For an error on new faces, ``parameters.unseen`` of the groups form the
    unseen set beforehand. With equal fractions and seeds it holds the faces that a split by group
    holds out.

    Args:
        group: Int (n,), the group of each sample.
        parameters: Fractions, seed and kind of the split.
        scale: Fraction of the groups to keep, of those that the first step leaves. The hold-out
            of a split by group and the unseen set stay whole.

    Returns:
        Ascending rows of each of ``SETS``, and of "dropped" samples.

    Raises:
        InputError: if there are too few groups or samples to fill the sets.

    Source:
        The paper, section 4, for the split by sample.
    """
    split = _split_by_group if parameters.by == "group" else _split_by_sample
    return split(group, parameters, scale)


def summarise_split(
    sets: Mapping[str, FaceSet], dropped: int, parameters: SplitParameters, scale: float
) -> SplitSummary:
    """Describe a split and log its sizes.

    Args:
        sets: Each of ``SETS`` by its name.
        dropped: Number of samples in none of the sets.
        parameters: How the samples were split.
        scale: Fraction of the groups that were kept.
    """
    known = np.concatenate([sets["train"].group, sets["validation"].group])
    sizes = [len(sets[name]) for name in SETS]
    leaked = np.isin(sets["holdout"].group, known)
    summary = SplitSummary(
        parameters=parameters,
        scale=scale,
        dropped_by_scale=dropped,
        leaked_holdout_samples=int(leaked.sum()),
        **{name: _summarise_set(sets[name]) for name in SETS},
    )
    counts = zip(("training", "validation", "hold-out", "unseen"), sizes, strict=True)
    logger.info(
        "Split by %s: %s%s",
        parameters.by,
        ", ".join(f"{count:,} {name}" for name, count in counts if count),
        f"; {dropped:,} dropped (study.scale={scale:g})" if dropped else "",
    )
    logger.info(
        "Leak: %.1f %% of hold-out images have a copy in training or validation",
        100 * leaked.mean(),
    )
    if parameters.by == "sample" and not parameters.unseen:
        logger.warning(
            "Split by sample without unseen faces: the leak cannot be measured. "
            "--params split.unseen=0.15 keeps faces for that"
        )
    return summary


def check_split(summary: SplitSummary, sets: Mapping[str, FaceSet]) -> None:
    """Check that sets are those of the split that a summary describes.

    Args:
        summary: Of the last split.
        sets: Some of ``SETS`` by name.

    Raises:
        InputError: if a set has another content.
    """
    for name, faces in sets.items():
        if faces.digest() != getattr(summary, name).digest:
            raise InputError(
                f"{name}_faces does not match split_summary.json (interrupted split or changed "
                "file); run: kedro run --pipeline=split, with the same --env and --params"
            )


def _summarise_set(faces: FaceSet) -> SetSummary:
    return SetSummary(len(faces), len(np.unique(faces.group)), faces.digest())


def _split_by_group(group: Rows, split: SplitParameters, scale: float) -> dict[str, Rows]:
    everything = np.arange(len(group))
    rest, holdout = _take(everything, split.holdout, "split.holdout", split.seed, group=group)
    rest, dropped = _apply_scale(rest, group, scale, split.seed)
    train, validation = _take(
        rest, split.validation, "split.validation", _next_seed(split), group=group
    )
    empty = everything[:0]
    return dict(zip((*SETS, "dropped"), (train, validation, holdout, empty, dropped), strict=True))


def _split_by_sample(group: Rows, split: SplitParameters, scale: float) -> dict[str, Rows]:
    everything = np.arange(len(group))
    rest, unseen = _take(everything, split.unseen, "split.unseen", split.seed, group=group)
    rest, dropped = _apply_scale(rest, group, scale, split.seed)
    rest, holdout = _take(rest, split.holdout, "split.holdout", split.seed, shuffle=split.shuffle)
    train, validation = _take(
        rest, split.validation, "split.validation", _next_seed(split), shuffle=split.shuffle
    )
    return dict(zip((*SETS, "dropped"), (train, validation, holdout, unseen, dropped), strict=True))


def _next_seed(split: SplitParameters) -> int:
    return (split.seed + 1) % 2**32


def _apply_scale(rows: Rows, group: Rows, scale: float, seed: int) -> tuple[Rows, Rows]:
    """Keep ``scale`` of the groups of ``rows``; return kept and dropped rows."""
    groups = len(np.unique(group[rows]))
    if groups - math.ceil((1 - scale) * groups) < 1:
        raise InputError(
            f"study.scale={scale:g} leaves none of {groups:,} faces for training; for ten faces "
            f"use study.scale={min(1.0, 10 / max(groups, 1)):.2g}"
        )
    return _take(rows, 1 - scale, "study.scale", seed, group=group)


def _take(
    rows: Rows,
    fraction: float,
    parameter: str,
    seed: int,
    *,
    group: Rows | None = None,
    shuffle: bool = True,
) -> tuple[Rows, Rows]:
    """Take a fraction of the rows, or of their groups (rounded up), out of ``rows``.

    Args:
        rows: Int (k,), ascending.
        fraction: Of the rows or groups to take.
        parameter: Name of the parameter that holds the fraction.
        seed: Of the random choice.
        group: Int (n,), the group of every sample; None to take single rows.
        shuffle: Take at random; false takes the last rows.

    Returns:
        The other rows and the taken rows, both ascending.
    """
    if fraction == 0:
        return rows, rows[:0]
    own = None if group is None else group[rows]
    distinct = len(np.unique(rows if own is None else own))
    count = math.ceil(fraction * distinct)
    if distinct - count < 1:
        unit = "samples" if own is None else "faces"
        by_group = own is not None and parameter != "split.unseen"
        hint = "; if all images are identical, use split.by=sample" if by_group else ""
        raise InputError(
            f"{parameter}={fraction:g} leaves none of {distinct:,} {unit} for training; use a "
            f"smaller fraction{hint}"
        )
    if not shuffle:
        return rows[:-count], rows[-count:]
    from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit

    splitter = ShuffleSplit if own is None else GroupShuffleSplit
    draw = splitter(n_splits=1, test_size=fraction, random_state=seed)
    others, taken = next(draw.split(rows, groups=own))
    return rows[np.sort(others)], rows[np.sort(taken)]
