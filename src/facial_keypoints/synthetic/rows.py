"""The rows of the drawn competition: whose face each shows, and which labels it carries.

Every choice about a row comes from the seed, the split, the population and the row's number
within its population. A row is therefore the same however many others there are.
"""

from dataclasses import dataclass

import numpy as np

from facial_keypoints.keypoints import (
    IMAGE_SIZE,
    KEYPOINTS,
    NUM_KEYPOINTS,
    POPULATION_B_INDEX,
    SWAP_INDEX,
)
from facial_keypoints.synthetic.geometry import points
from facial_keypoints.synthetic.head import Floats, Head, draw_head

TRAIN, TEST = 0, 1
A, B = 0, 1

_SHARE_OF_A = {TRAIN: 2284 / 7049, TEST: 591 / 1783}
"""Kaggle's: faces of population A among all of a split."""

_DUPLICATES = 0.02
_WRONG = 0.007
_MISSING = {A: 0.065, B: 0.003}
"""Shares of the rows that repeat a picture, are labelled wrongly, or lack some labels."""

_JITTER = 0.5
"""Standard deviation of a labeller's hand, in pixels."""

_ALWAYS_PLAIN = 3
"""The first training rows of each population are complete and right, so that the smallest
competition has something to train on."""

_IN_PICTURE = (0.3, IMAGE_SIZE - 0.3)
"""A point outside of these bounds cannot be labelled."""

_HIDDEN_TOGETHER = (
    ("left_eyebrow_outer_end",),
    ("right_eyebrow_outer_end",),
    ("left_eyebrow_outer_end", "right_eyebrow_outer_end"),
    ("mouth_center_bottom_lip",),
    tuple(name for name in KEYPOINTS if "eyebrow" in name),
    tuple(name for name in KEYPOINTS if name.startswith("left_eye")),
    tuple(name for name in KEYPOINTS if name.startswith("right_eye")),
    tuple(name for name in KEYPOINTS if name.startswith("mouth")),
)
"""What population A misses, in the order of how often (see ``_HIDDEN_ODDS``)."""

_HIDDEN_ODDS = (0.25, 0.2, 0.15, 0.12, 0.1, 0.06, 0.06, 0.06)

WRONG_KINDS = ("swapped_sides", "shifted", "other_face", "one_point_off")
"""The kinds of wrong labels: left and right names exchanged; all points moved by 12 to 20 px;
the labels of another face; one point 15 to 30 px away."""

# Independent streams of random numbers of one row.
_PLAN, _SHAPE, _PAINT, _HAND = range(4)

Key = tuple[int, int, int]
"""A row: its split, its population, its number within both."""


@dataclass(frozen=True)
class Row:
    """What is decided about one row before its face is shaped or painted."""

    face: Key
    """The row whose picture it shows: itself, or an earlier one that it repeats."""
    wrong: str | None
    """One of ``WRONG_KINDS``, or None."""
    missing: tuple[int, ...]
    """Indices of the points that nobody labelled, though the population should carry them."""


def split_sizes(split: int, faces: int) -> tuple[int, int]:
    """Numbers of faces of A and of B among ``faces``: Kaggle's shares, at least one of each."""
    of_a = min(max(1, round(_SHARE_OF_A[split] * faces)), faces - 1)
    return of_a, faces - of_a


def keys(split: int, faces: int) -> list[Key]:
    """The rows of a split, in order: A first, then B."""
    sizes = split_sizes(split, faces)
    return [(split, population, i) for population in (A, B) for i in range(sizes[population])]


def generator(seed: int, key: Key, stream: int) -> np.random.Generator:
    """The random numbers of one row for one purpose."""
    return np.random.default_rng([seed, *key, stream])


def painter(seed: int, key: Key) -> np.random.Generator:
    """The random numbers by which a face is painted."""
    return generator(seed, key, _PAINT)


def head(seed: int, key: Key) -> Head:
    """The head that a row shows, provided that it repeats no other."""
    return draw_head(generator(seed, key, _SHAPE), key[1])


def plan(seed: int, key: Key) -> Row:
    """Decide about one row, from nothing but the seed and its key."""
    rng = generator(seed, key, _PLAN)
    split, population, index = key
    repeats, wrong, misses = rng.random(3) < (_DUPLICATES, _WRONG, _MISSING[population])
    plain = split == TRAIN and index < _ALWAYS_PLAIN
    face = key
    if repeats and not plain and split == TRAIN:
        face = _earlier(rng, key)
        if face != key:
            face = plan(seed, face).face
    missing: tuple[int, ...] = ()
    if misses and not plain:
        names: tuple[str, ...] = ("mouth_center_bottom_lip",)
        if population == A:
            names = _HIDDEN_TOGETHER[rng.choice(len(_HIDDEN_TOGETHER), p=_HIDDEN_ODDS)]
        missing = tuple(KEYPOINTS.index(name) for name in names)
    kind = None
    if wrong and not plain and split == TRAIN:
        kind = WRONG_KINDS[rng.integers(len(WRONG_KINDS))]
    return Row(face, kind, missing)


def _earlier(rng: np.random.Generator, key: Key) -> Key:
    """An earlier row: of the same population, or for some of B a face of A."""
    split, population, index = key
    # For each row of B there are at least 0.45 rows of A in every competition (Kaggle's
    # proportions), so the choice does not depend on how many faces are drawn.
    of_a = int(0.45 * index)
    if population == B and of_a >= 1 and rng.random() < 0.25:
        return split, A, int(rng.integers(of_a))
    return (split, population, int(rng.integers(index))) if index else key


def true_points(seed: int, key: Key, row: Row) -> Floats:
    """Exact geometry of one row, (15, 2) pixels, in its population's convention.

    NaN for what the population does not carry, for what is missing, and for what lies outside
    of the picture.
    """
    population = key[1]
    placed = points(head(seed, row.face), population)
    if population == B:
        placed[[i for i in range(NUM_KEYPOINTS) if i not in POPULATION_B_INDEX]] = np.nan
    placed[list(row.missing)] = np.nan
    return _visible(placed)


def labels(seed: int, key: Key, row: Row) -> Floats:
    """What the labeller of one training row wrote, (15, 2) pixels: the truth with the jitter of
    a hand, and for a few rows something plainly wrong.
    """
    rng = generator(seed, key, _HAND)
    truth = true_points(seed, key, row)
    if row.wrong == "other_face":
        stranger = (key[0], key[1], key[2] + 1_000_000)  # a face that no row shows
        truth = np.where(np.isnan(truth), np.nan, points(head(seed, stranger), key[1]))
        truth += rng.choice((-1, 1), 2) * rng.uniform(5, 9, 2)  # and of another framing
    written = truth + _JITTER * rng.standard_normal(truth.shape)
    if row.wrong == "swapped_sides":
        written = written[list(SWAP_INDEX)]
    elif row.wrong == "shifted":
        angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(12, 20)
        written += length * np.array([np.cos(angle), np.sin(angle)])
    elif row.wrong == "one_point_off":
        known = np.flatnonzero(np.isfinite(written).all(axis=1))
        angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(15, 30)
        step = length * np.array([np.cos(angle), np.sin(angle)])
        point = rng.choice(known)
        # Rather to the inside of the picture, so that clipping does not undo it.
        step *= np.where((written[point] + step > 2) & (written[point] + step < 94), 1, -1)
        written[point] += step
    if row.wrong is not None:
        return np.clip(written, 0.5, IMAGE_SIZE - 0.5)
    return _visible(written)


def _visible(placed: Floats) -> Floats:
    low, high = _IN_PICTURE
    placed[((placed < low) | (placed > high)).any(axis=1)] = np.nan
    return placed
