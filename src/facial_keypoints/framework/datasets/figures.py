"""Matplotlib figures, and charts of Plotly."""

import json
from base64 import b64encode
from typing import Final

from kedro_datasets._typing import ImagePreview, PlotlyPreview
from matplotlib.figure import Figure
from matplotlib.image import imread

from facial_keypoints.framework.datasets.atomic import AtomicSave, FileDataset
from facial_keypoints.plotting.charts import Chart

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


class _ChartFile(FileDataset):
    def load(self) -> Chart:
        chart: Chart = json.loads(self._fs.cat_file(str(self._filepath)))
        return chart

    def save(self, data: Chart) -> None:
        self._fs.pipe_file(str(self._filepath), json.dumps(data).encode())

    def preview(self) -> PlotlyPreview:
        """Return the chart for Kedro-Viz."""
        return PlotlyPreview(self.load())


class ChartDataset(AtomicSave, _ChartFile):
    """A chart of Plotly (``plotting.charts``) as a JSON file."""
