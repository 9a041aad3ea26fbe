"""What checks of whole tables find, and the limits that they share."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from facial_keypoints.parameters import DataCheck

MEAN_FACES: Final = (
    # Kaggle's training.csv, rows of population A
    np.array(
        [
            *([66.1, 36.9], [29.7, 37.1], [59.2, 37.9], [73.3, 37.7], [36.7, 38.0], [22.4, 38.0]),
            *([56.1, 29.3], [79.5, 29.7], [39.3, 29.5], [15.9, 30.4], [47.9, 57.4], [63.3, 76.0]),
            *([32.9, 76.2], [48.0, 72.9], [48.0, 82.4]),
        ]
    ),
    # the same of population B
    np.array([[66.5, 38.0], [30.6, 38.4], [48.6, 65.3], [48.8, 77.3]]),
)
"""Mean labels in pixels. Those of the other honest sets are up to 8.7 px away (nose, B)."""

MIN_ROWS: Final = 10
"""Rows from which on the labels of a table are judged; the mean of a keypoint is then known to
1.6 px."""
MIN_REPEATS: Final = 5
"""Rows with exactly the same point. No point occurs twice among Kaggle's, the real or the synthetic
labels."""

MIN_WRONG: Final = 4
"""Rows, labels or images from which on a finding counts."""


@dataclass(frozen=True)
class DataIssue:
    """What a table looks like, other than it claims.

    Attributes:
        check: Name of the check, for ``clean.accept``.
        count: Number of labels, rows or images.
        message: What is wrong and how to correct it.
        severity: "error" where the data have no sensible reading.
        accepted: Whether ``clean.accept`` names the check.
    """

    check: DataCheck
    count: int
    message: str
    severity: Literal["error", "warning"] = "error"
    accepted: bool = False


@dataclass(frozen=True)
class DataIssues:
    """All findings about the tables.

    Attributes:
        found: Those that were not refused.
    """

    found: list[DataIssue]
