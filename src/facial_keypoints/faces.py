"""Define ``FaceSet``, the container that every pipeline passes on."""

import hashlib
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from facial_keypoints.image_arrays import select_images
from facial_keypoints.keypoints import IMAGE_SIZE, NUM_KEYPOINTS, POPULATIONS


@dataclass(frozen=True)
class FaceSet:
    """Hold n faces as parallel arrays.

    Args:
        images: uint8 (n, 96, 96), grey values; of a large set, in a file that is mapped into memory
            and cannot be written to (see ``image_arrays``).
        keypoints: float32 (n, 15, 2), x and y in pixels, edge to edge (see ``keypoints``); NaN
            where there is no label.
        labelled: Bool (n, 15), true where a person placed the keypoint. False where the label is
            missing or was filled in (``clean.missing_labels: forward_fill``), so that errors can
            be measured on genuine labels alone.
        group: int32 (n,), samples that must stay on one side of a split: the row of the first
            image identical to the original of this sample; the ImageId in a test set.
        population: int8 (n,), index into ``keypoints.POPULATIONS``.
        augmented: Bool (n,), true for transformed copies.

    Raises:
        ValueError: if an array has another shape or dtype, or a population is unknown.

    Example:
        >>> import numpy as np
        >>> from facial_keypoints.faces import FaceSet
        >>> faces = FaceSet(
        ...     images=np.zeros((3, 96, 96), np.uint8),
        ...     keypoints=np.full((3, 15, 2), 48, np.float32),
        ...     labelled=np.ones((3, 15), bool),
        ...     group=np.array([0, 0, 2], np.int32),
        ...     population=np.zeros(3, np.int8),
        ...     augmented=np.array([False, True, False]),
        ... )
        >>> originals = faces.select(~faces.augmented)
        >>> len(originals), originals.group.tolist()
        (2, [0, 2])
    """

    images: npt.NDArray[np.uint8]
    keypoints: npt.NDArray[np.float32]
    labelled: npt.NDArray[np.bool_]
    group: npt.NDArray[np.int32]
    population: npt.NDArray[np.int8]
    augmented: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        n = len(self.images)
        expected = {
            "images": (np.uint8, (n, IMAGE_SIZE, IMAGE_SIZE)),
            "keypoints": (np.float32, (n, NUM_KEYPOINTS, 2)),
            "labelled": (np.bool_, (n, NUM_KEYPOINTS)),
            "group": (np.int32, (n,)),
            "population": (np.int8, (n,)),
            "augmented": (np.bool_, (n,)),
        }
        for name, (dtype, shape) in expected.items():
            array = getattr(self, name)
            if array.dtype != dtype or array.shape != shape:
                raise ValueError(
                    f"FaceSet.{name} must be {np.dtype(dtype).name} {shape}, "
                    f"not {array.dtype.name} {array.shape}"
                )
        if n and not 0 <= self.population.min() <= self.population.max() < len(POPULATIONS):
            raise ValueError(f"FaceSet.population must index {POPULATIONS}")

    def __len__(self) -> int:
        return len(self.images)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return every array by its name, without copying."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def select(self, index: npt.NDArray[np.bool_] | npt.NDArray[np.integer] | slice) -> "FaceSet":
        """Return the samples at ``index`` (a mask, positions or a slice), in that order."""
        labels = {name: a[index] for name, a in self.arrays().items() if name != "images"}
        return FaceSet(images=select_images(self.images, index), **labels)

    def digest(self) -> str:
        """Return 16 hexadecimal digits that identify the content of all arrays."""
        content = hashlib.sha256()
        for array in self.arrays().values():
            content.update(array.data if array.flags.c_contiguous else array.tobytes())
        return content.hexdigest()[:16]

    @property
    def complete(self) -> npt.NDArray[np.bool_]:
        """Mask (n,) of the faces of which a person placed all 15 keypoints."""
        return np.asarray(self.labelled.all(axis=1))
