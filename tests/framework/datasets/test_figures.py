"""Figures."""

from base64 import b64decode

import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import imread

from facial_keypoints.framework.datasets import ChartDataset, FigureDataset


def test_figure_loads_as_a_figure_of_the_same_pixels(tmp_path):
    figure = Figure(figsize=(3.21, 1.23), dpi=110)
    figure.subplots().plot([1, 3, 2])
    dataset, copy = (FigureDataset(filepath=str(tmp_path / f"{name}.png")) for name in "ab")
    dataset.save(figure)
    copy.save(dataset.load())
    np.testing.assert_array_equal(imread(tmp_path / "a.png"), imread(tmp_path / "b.png"))


def test_figure_is_previewed_in_kedro_viz(tmp_path):
    dataset = FigureDataset(filepath=str(tmp_path / "figure.png"))
    dataset.save(Figure())
    assert b64decode(dataset.preview()) == (tmp_path / "figure.png").read_bytes()


def test_chart_is_loaded_and_previewed_as_it_was_saved(tmp_path):
    dataset = ChartDataset(filepath=str(tmp_path / "chart.json"))
    chart = {"data": [{"x": [1], "y": [2.0]}], "layout": {}}
    dataset.save(chart)
    assert dataset.load() == dataset.preview() == chart
