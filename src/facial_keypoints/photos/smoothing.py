"""The One Euro filter: steady points at rest, without a lag in motion."""

from typing import Final

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]

_BETA: Final = 20.0
"""Growth of the cutoff, in Hz, with the speed in distances between the eyes a second: the lag in
fast motion is a quarter of a frame (``benchmarks/video.py``)."""
_SPEED_CUTOFF: Final = 1.0
"""Cutoff of the speed's own filter, in Hz, as the paper recommends."""


class OneEuroFilter:
    """Smooth the points of one face over the frames of a video.

    Args:
        min_cutoff: Cutoff frequency at rest, in Hz: lower is smoother. 0 smooths nothing.
        rate: Frames a second.

    Source:
        Casiez, Roussel and Vogel 2012, "1 € Filter". Speeds are in distances between the eyes, so
        that the size of a face does not matter.

    Example:
        >>> smooth = OneEuroFilter(min_cutoff=1.0, rate=30)
        >>> points = smooth(np.zeros((15, 2)), 30.0)
        >>> bool(0 < smooth(points + 1, 30.0).max() < 1)
        True
    """

    def __init__(self, min_cutoff: float, rate: float) -> None:
        self._min_cutoff = min_cutoff
        self._rate = rate
        self._points: Points | None = None
        self._speed = np.zeros(1)

    def __call__(self, points: Points, eye_distance: float) -> Points:
        """Return the points of the next frame, smoothed.

        Args:
            points: (p, 2), in pixels.
            eye_distance: In pixels.
        """
        if self._points is None or not self._min_cutoff:
            self._points, self._speed = points, np.zeros_like(points)
            return points
        speed = (points - self._points) * self._rate / max(eye_distance, 1e-6)
        self._speed = self._speed + self._weight(_SPEED_CUTOFF) * (speed - self._speed)
        moving = np.linalg.norm(self._speed, axis=1, keepdims=True)
        weight = self._weight(self._min_cutoff + _BETA * moving)
        self._points = self._points + weight * (points - self._points)
        return self._points

    def _weight(self, cutoff: float | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Of the new value in an exponential average with this cutoff."""
        return np.asarray(1 / (1 + self._rate / (2 * np.pi * np.asarray(cutoff))))
