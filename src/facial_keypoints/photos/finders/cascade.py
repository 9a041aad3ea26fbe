"""Viola and Jones' cascade with local binary patterns, by scikit-image."""

from typing import Any, Final

from facial_keypoints.photos.finders import Box, Framing, register_finder, shrink
from facial_keypoints.photos.reading import Pixels

_MAX_SIDE: Final = 480
"""Pixels of the photo that is searched: the time grows with its area."""
_SMALLEST: Final = 40
"""Side of the smallest face in that photo, in pixels."""


@register_finder("cascade", "skimage", Framing(1.09, 0.0, 0.02))
class Cascade:
    """Find faces by scikit-image's cascade and the file that comes with it.

    Source:
        Viola and Jones 2001, with the features of Liao et al. 2007.
    """

    def __init__(self) -> None:
        from skimage.data import lbp_frontal_face_cascade_filename
        from skimage.feature import Cascade as Detector

        self._detector: Any = Detector(lbp_frontal_face_cascade_filename())

    def find(self, pixels: Pixels) -> list[Box]:
        """Return the faces of a photo; the cascade gives no confidence, so that it is 1.

        Args:
            pixels: uint8 (h, w, 3) in RGB.
        """
        pixels, factor = shrink(pixels, _MAX_SIDE)
        smallest = min(_SMALLEST, *pixels.shape[:2])
        found = self._detector.detect_multi_scale(
            img=pixels,
            scale_factor=1.2,
            step_ratio=1,
            min_size=(smallest, smallest),
            max_size=pixels.shape[:2],
        )
        return [
            Box(
                each["c"] / factor,
                each["r"] / factor,
                each["width"] / factor,
                each["height"] / factor,
                1.0,
            )
            for each in found
        ]
