"""No finder: the whole photo is one face, framed as the competition's."""

from facial_keypoints.photos.finders import Box, Framing, register_finder
from facial_keypoints.photos.reading import Pixels


@register_finder("whole", None, Framing(1.0, 0.0, 0.0))
class WholePhoto:
    """Take the largest square in the middle of the photo as the face."""

    def find(self, pixels: Pixels) -> list[Box]:
        """Return one box.

        Args:
            pixels: uint8 (h, w, 3) in RGB.
        """
        height, width = pixels.shape[:2]
        side = float(min(height, width))
        return [Box((width - side) / 2, (height - side) / 2, side, side, 1.0)]
