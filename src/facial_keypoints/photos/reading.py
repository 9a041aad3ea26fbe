"""Find and read photos."""

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from facial_keypoints.errors import InputError

logger = logging.getLogger(__name__)

Pixels = npt.NDArray[np.uint8]

SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".ppm", ".gif")
_TO_CONVERT: Final = (".heic", ".heif", ".avif", ".raw", ".dng", ".cr2", ".nef", ".arw")
"""Photos of phones and cameras that need other libraries; they are reported, not read."""

MAX_MEGAPIXELS: Final = 100
"""Larger photos take more than 1 GB of memory."""
MIN_SIDE: Final = 16
"""Pixels; a face of fewer has no visible keypoints."""


class PhotoError(InputError):
    """One photo cannot be used; the others can."""


@dataclass(frozen=True)
class PhotoFiles:
    """The photos to predict on.

    Attributes:
        folder: That the names are relative to.
        names: Of the files, sorted.
    """

    folder: str
    names: list[str]

    def path(self, name: str) -> Path:
        """Return the path of a photo."""
        return Path(self.folder) / name


def list_photos(source: Path | None) -> PhotoFiles:
    """Return the photos of a file or of a folder and its subfolders.

    Args:
        source: The file or folder; None where the user named none.

    Raises:
        InputError: If there is no photo.
    """
    if source is None:
        raise InputError(
            "predict.input is not set: name a photo or a folder, for example "
            "kedro run --pipeline=predict --params predict.input=photos"
        )
    if source.is_file():
        return PhotoFiles(str(source.resolve().parent), [source.name])
    if not source.is_dir():
        raise InputError(
            f"predict.input: {source} does not exist; name a photo or a folder of photos"
        )
    files = [path for path in source.rglob("*") if path.is_file() and not _is_hidden(path, source)]
    names = sorted(
        str(path.relative_to(source))
        for path in files
        if path.suffix.lower() in SUFFIXES + _TO_CONVERT
    )
    if not names:
        raise InputError(
            f"predict.input: {source} contains no photo ({', '.join(SUFFIXES)}); name another "
            "folder"
        )
    if len(names) < len(files):
        logger.info("Other files in the folder, ignored: %d", len(files) - len(names))
    return PhotoFiles(str(source.resolve()), names)


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def read_photo(path: Path) -> Pixels:
    """Return the pixels of a photo as it is to be seen, uint8 (h, w, 3) in RGB.

    The EXIF orientation is applied, 16 bits are reduced to 8, transparent pixels become white,
    and of several frames or pages the first one counts.

    Args:
        path: JPEG, PNG, WebP, TIFF, BMP or GIF.

    Raises:
        PhotoError: If the file cannot be read, is too small or too large.
    """
    from PIL import Image, UnidentifiedImageError

    if path.suffix.lower() in _TO_CONVERT:
        raise PhotoError(f"{path.suffix} files are not supported; convert it to JPEG")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large photos and odd metadata
            with Image.open(path) as image:
                _check_size(*image.size)
                return _to_rgb(image)
    except (PhotoError, MemoryError):
        raise
    except UnidentifiedImageError:
        return _read_by_opencv(path)
    except Image.DecompressionBombError:
        raise PhotoError(f"has more than {MAX_MEGAPIXELS} megapixels; shrink it") from None
    except OSError as error:
        if error.errno is None:  # the decoder's, not the disk's
            raise PhotoError(_damaged(error)) from error
        raise PhotoError(f"cannot be read ({error.strerror})") from error
    except Exception as error:  # decoders of corrupt files raise nearly anything
        raise PhotoError(_damaged(error)) from error


def _damaged(error: Exception) -> str:
    reason = " ".join(str(error).split())[:80] or type(error).__name__
    return f"cannot be read ({reason}); the file is damaged"


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_MEGAPIXELS * 1_000_000:
        raise PhotoError(
            f"has {width * height / 1e6:.0f} megapixels, more than {MAX_MEGAPIXELS}; shrink it"
        )
    if min(width, height) < MIN_SIDE:
        raise PhotoError(
            f"has {width}x{height} pixels; a photo needs {MIN_SIDE} or more on each side"
        )


def _to_rgb(image: "object") -> Pixels:
    from PIL import Image, ImageOps

    assert isinstance(image, Image.Image)  # noqa: S101 (for the type checker)
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I") or upright.mode == "F":
        return _from_depth(np.asarray(upright))
    if "A" in upright.mode or "transparency" in upright.info:
        upright = upright.convert("RGBA")
        white = Image.new("RGBA", upright.size, "white")
        upright = Image.alpha_composite(white, upright)
    return np.asarray(upright.convert("RGB"))


def _from_depth(grey: npt.NDArray[np.generic]) -> Pixels:
    """A grey image of 16 bits, or of another type, scaled to 8 bits."""
    values = np.nan_to_num(grey.astype(np.float32))
    if grey.dtype.kind in "iu" and values.max(initial=0) <= 65535:
        scale = 65535.0 if values.max(initial=0) > 255 else 255.0
    else:
        scale = float(values.max(initial=1.0)) or 1.0
    eight = np.clip(np.round(values * (255 / scale)), 0, 255).astype(np.uint8)
    return np.repeat(eight[..., None], 3, axis=2)


def _read_by_opencv(path: Path) -> Pixels:
    """What Pillow does not know, such as TIFF with three channels of 16 bits."""
    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
        decoded = cv2.imdecode(content, cv2.IMREAD_COLOR)
    except cv2.error:  # of an empty file, and of some damaged ones
        decoded = None
    if decoded is None:
        raise PhotoError("is not a photo that can be read; it may be damaged or misnamed")
    _check_size(decoded.shape[1], decoded.shape[0])
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)
