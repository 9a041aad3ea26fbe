"""Matplotlib figures."""

from base64 import b64encode
from typing import Final

from kedro_datasets._typing import ImagePreview
from matplotlib.figure import Figure
from matplotlib.image import imread

from facial_keypoints.framework.datasets.atomic import AtomicSave, FileDataset

_DPI: Final = 100
"""Of loaded figures; any value gives the same pixels."""


class _FigureFile(FileDataset):
    def load(self) -> Figure:
        with self._fs.open(str(self._filepath), "rb") as file:
            pixels = imread(file, format="png")
        height, width = pixels.shape[:2]
        figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI)
        figure.figimage(pixels)
        return figure

    def save(self, data: Figure) -> None:
        with self._fs.open(str(self._filepath), "wb") as file:
            data.savefig(file, format="png")

    def preview(self) -> ImagePreview:
        """Return the image for Kedro-Viz."""
        return ImagePreview(b64encode(self._fs.cat_file(str(self._filepath))).decode())


class FigureDataset(AtomicSave, _FigureFile):
    """A Matplotlib figure as a PNG file; it loads as a figure that shows the same pixels."""
