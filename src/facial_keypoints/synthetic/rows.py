"""The rows of the synthetic tables: which face each shows, and which labels it carries."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from facial_keypoints.keypoints import IMAGE_SIZE, KEYPOINTS, POPULATION_B_INDEX, SWAP_INDEX
from facial_keypoints.synthetic.geometry import keypoints
from facial_keypoints.synthetic.head import Floats, Head, sample_head
from facial_keypoints.synthetic.render import render_head

TRAIN, TEST, EXTRA = range(3)
"""The splits; EXTRA faces are in no archive."""

A, B = range(2)

WRONG_KINDS: Final = ("swapped_sides", "shifted", "other_face", "one_point_off")
"""Kinds of wrong labels: left and right names exchanged; all points moved by 12 to 20 px; the
labels of another face; one point 15 to 30 px away."""

_FRACTION_A: Final = {TRAIN: 2284 / 7049, TEST: 591 / 1783}
"""Kaggle's fraction of population A in a split."""

_DUPLICATES, _WRONG, _MISSING = 0.02, 0.007, {A: 0.065, B: 0.003}
"""Fractions of rows that repeat an image, are labelled wrongly, or lack some labels."""

_LABEL_NOISE: Final = 0.5
"""Standard deviation of the training labels, in pixels."""

_ALWAYS_CLEAN: Final = 3
"""The first training rows of each population are complete, unique and right, so that the
smallest competition has something to train on."""

_MISSING_TOGETHER: Final = (
    *(("left_eyebrow_outer",), ("right_eyebrow_outer",), ("left_eyebrow", "right_eyebrow")),
    *(("left_eye",), ("right_eye",), ("mouth",), ("mouth_center_bottom",)),
)
"""Beginnings of the names of keypoints that A lacks together; B lacks the last ones alone."""


@dataclass(frozen=True)
class Row:
    """One row of a table, the same however many others there are.

    Attributes:
        seed: of the competition.
        split: TRAIN, TEST or EXTRA.
        population: 0 (A) or 1 (B).
        index: number of the row within its split and population.
    """

    seed: int
    split: int
    population: int
    index: int

    def _random(self, purpose: str) -> np.random.Generator:
        """Independent random numbers for each purpose."""
        key = (self.seed, self.split, self.population, self.index)
        return np.random.default_rng([*key, *purpose.encode()])

    @cached_property
    def _plan(self) -> tuple["Row", str | None, list[int]]:
        """The row whose image this one shows, the kind of wrong labels, and missing keypoints."""
        rng = self._random("plan")
        odds = _DUPLICATES, _WRONG, _MISSING[self.population]
        repeats, wrong, misses = rng.random(3) < odds
        train, face = self.split == TRAIN, self
        if self.split == EXTRA or (train and self.index < _ALWAYS_CLEAN):
            return self, None, []
        if train and repeats:
            # A quarter of B's duplicates repeat a face of A. Each competition has at least 0.45
            # rows of A for a row of B, so the choice does not depend on how many there are.
            limit = int(0.45 * self.index)
            across = self.population == B and limit > 0 and rng.random() < 0.25
            index = int(rng.integers(limit if across else self.index))
            face = replace(self, population=A if across else self.population, index=index).face
        kind = WRONG_KINDS[rng.integers(len(WRONG_KINDS))] if train and wrong else None
        names = _MISSING_TOGETHER[-1 if self.population == B else rng.integers(7)] if misses else ()
        return face, kind, [i for i, name in enumerate(KEYPOINTS) if name.startswith(names)]

    @property
    def face(self) -> "Row":
        """The row whose image this one shows: itself, or an earlier one that it repeats."""
        return self._plan[0]

    @property
    def wrong(self) -> str | None:
        """One of ``WRONG_KINDS``, or None."""
        return self._plan[1]

    @property
    def head(self) -> Head:
        """The head that the image shows."""
        face = self.face
        return sample_head(face._random("head"), face.population)

    def render(self) -> npt.NDArray[np.uint8]:
        """Return the image, uint8 (96, 96)."""
        face = self.face
        return render_head(face.head, face._random("image"), face.population)

    def true_keypoints(self) -> Floats:
        """Return the exact keypoints (15, 2) in the population's convention.

        NaN where the population has no label, where it is missing, and outside of the image.
        """
        points = keypoints(self.head, self.population)
        if self.population == B:
            points[np.setdiff1d(range(len(points)), POPULATION_B_INDEX)] = np.nan
        points[self._plan[2]] = np.nan
        return _visible(points)

    def labels(self) -> Floats:
        """Return the training labels (15, 2): the truth with noise, or plainly wrong."""
        points, rng = self.true_keypoints(), self._random("labels")
        if self.wrong == "other_face":
            stranger = replace(self, split=EXTRA, index=self.index + 10**6)
            other = keypoints(stranger.head, self.population)
            other += rng.choice((-1, 1), 2) * rng.uniform(5, 9, 2)  # its crop differs as well
            points = np.where(np.isnan(points), np.nan, other)
        points += _LABEL_NOISE * rng.standard_normal(points.shape)
        angle = rng.uniform(0, 2 * np.pi)
        direction = np.array([np.cos(angle), np.sin(angle)])
        if self.wrong == "swapped_sides":
            points = points[list(SWAP_INDEX)]
        elif self.wrong == "shifted":
            points += rng.uniform(12, 20) * direction
        elif self.wrong == "one_point_off":
            point = rng.choice(np.flatnonzero(np.isfinite(points).all(axis=1)))
            # Towards the middle of the image, so that clipping does not undo it.
            inwards = np.sign(IMAGE_SIZE / 2 - points[point])
            points[point] += rng.uniform(15, 30) * np.abs(direction) * inwards
        return _visible(points) if self.wrong is None else np.clip(points, 0.5, IMAGE_SIZE - 0.5)


def table_rows(seed: int, split: int, count: int) -> list[Row]:
    """Return the rows of a table in order, population A first, with Kaggle's fraction of A.

    Args:
        seed: of the competition.
        split: TRAIN or TEST.
        count: rows of both populations, at least 2.

    Returns:
        ``count`` rows, at least one of each population.
    """
    of_a = min(max(1, round(_FRACTION_A[split] * count)), count - 1)
    keys = [(A, i) for i in range(of_a)] + [(B, i) for i in range(count - of_a)]
    return [Row(seed, split, *key) for key in keys]


def _visible(points: Floats) -> Floats:
    inside = (np.abs(points - IMAGE_SIZE / 2) <= IMAGE_SIZE / 2 - 0.3).all(axis=1, keepdims=True)
    return np.where(inside, points, np.nan)
