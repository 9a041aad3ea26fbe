"""NumPy arrays and sets of faces."""

from base64 import b64encode
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from fsspec.implementations.local import LocalFileSystem
from kedro_datasets._typing import ImagePreview

from facial_keypoints.faces import FaceSet
from facial_keypoints.framework.datasets.atomic import AtomicSave, FileDataset
from facial_keypoints.framework.datasets.mapped import is_mappable, map_array


class _FaceSetFile(FileDataset):
    def load(self) -> FaceSet:
        with self._fs.open(str(self._filepath), "rb") as file, np.load(file) as stored:
            mapped = {}
            if isinstance(self._fs, LocalFileSystem) and is_mappable(stored, "images"):
                mapped["images"] = map_array(file, stored, "images")
            return FaceSet(**mapped, **{n: stored[n] for n in stored.files if n not in mapped})

    def save(self, data: FaceSet) -> None:
        with self._fs.open(str(self._filepath), "wb") as file:
            np.savez(file, **data.arrays())  # type: ignore[arg-type]

    def preview(self, nfaces: int = 16) -> ImagePreview:
        """Return some faces from all parts of the set, with their points, for Kedro-Viz."""
        from facial_keypoints.plotting.faces import draw_faces

        faces = self.load()
        count = min(nfaces, len(faces))
        rows = np.linspace(0, max(len(faces) - 1, 0), count).astype(int)
        titles = [f"row {i + 1}{': a copy' if faces.augmented[i] else ''}" for i in rows.tolist()]
        points = faces.keypoints[rows] if np.isfinite(faces.keypoints[rows]).any() else None
        heading = f"{count} of {len(faces):,} faces" if count else "no faces"
        figure = draw_faces(faces.images[rows], titles, points, heading=heading)
        png = BytesIO()
        figure.savefig(png, format="png")
        return ImagePreview(b64encode(png.getvalue()).decode())


class FaceSetDataset(AtomicSave, _FaceSetFile):
    """A ``FaceSet`` as one uncompressed ``.npz`` file.

    Of a large set on a local disk, the images are mapped into memory when it is loaded.
    """


class _ArrayFile(FileDataset):
    def load(self) -> np.ndarray:
        with self._fs.open(str(self._filepath), "rb") as file:
            return np.asarray(np.lib.format.read_array(file, allow_pickle=False))

    def save(self, data: np.ndarray) -> None:
        with self._fs.open(str(self._filepath), "wb") as file:
            np.save(file, data, allow_pickle=False)


class ArrayDataset(AtomicSave, _ArrayFile):
    """One NumPy array as a ``.npy`` file, with a checksum."""

    is_small = True


class _ArraysFile(FileDataset):
    def load(self) -> dict[str, npt.NDArray[Any]]:
        with self._fs.open(str(self._filepath), "rb") as file, np.load(file) as arrays:
            return dict(arrays)

    def save(self, data: dict[str, npt.NDArray[Any]]) -> None:
        with self._fs.open(str(self._filepath), "wb") as file:
            np.savez(file, **data)  # type: ignore[arg-type]


class ArraysDataset(AtomicSave, _ArraysFile):
    """Named NumPy arrays as one uncompressed ``.npz`` file."""
