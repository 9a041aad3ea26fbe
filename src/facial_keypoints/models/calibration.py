"""From the spread of a keypoint to its confidence."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Calibration:
    """From the spread of a keypoint to its confidence: linear between knots.

    Attributes:
        fingerprint: Of the champion's training.
        scale: Of each of the 15 keypoints: its usual error, divided by its usual spread.
        error: Spread times scale, in pixels of the 96x96 image; rising.
        confidence: Probability that a point is within 5 % of the distance between the eyes;
            falling.
        labels: Number of labels that it was fitted to.
        faces: Number of faces that the model was not trained on.
        rank_correlation: Spearman's, of spread times scale and error; None where there were too few
            labels.

    Example:
        >>> calibration = Calibration("f", [0.1] * 15, [0.0, 4.0], [1.0, 0.0], 100, 10, 0.5)
        >>> calibration.apply(np.full((1, 15), 10.0))[0, 0]
        np.float64(0.75)
    """

    fingerprint: str
    scale: list[float]
    error: list[float]
    confidence: list[float]
    labels: int
    faces: int
    rank_correlation: float | None

    def apply(self, spread: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Return the confidence of each keypoint, of spreads (..., 15) in pixels."""
        return np.asarray(np.interp(spread * self.scale, self.error, self.confidence))
