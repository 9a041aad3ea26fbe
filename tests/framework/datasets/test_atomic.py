"""Files that are written whole or not at all."""

import json
import logging
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError
from matplotlib.figure import Figure

from facial_keypoints.framework import datasets
from facial_keypoints.framework.datasets import (
    ArchiveDataset,
    ArrayDataset,
    AtomicCSVDataset,
    AtomicTextDataset,
    FaceSetDataset,
    FigureDataset,
    RecordDataset,
)
from facial_keypoints.training.session import Session


def contents(folder):
    """Return every file below ``folder`` with its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file() and path.suffix not in {".lock", ".sha256"}
    }


class HalfFigure(Figure):
    def savefig(self, fname, **_):
        fname.write(b"half a fig")
        raise OSError("no space left")


class HalfFaces:
    """Raises an error after the first of its arrays."""

    def arrays(self):
        class Second:
            def __array__(self, *_, **__):
                raise OSError("no space left")

        return {"images": np.zeros(5000), "keypoints": Second()}


class HalfTable(pd.DataFrame):
    def to_csv(self, path_or_buf, **_):
        path_or_buf.write(b"half,a,ta")
        raise OSError("no space left")


SessionDataset = partial(RecordDataset, record="facial_keypoints.training.session.Session")


ATOMIC = {
    "json": (SessionDataset, Session(1.5), Session(object())),
    "csv": (AtomicCSVDataset, pd.DataFrame({"a": [1]}), HalfTable({"a": [2]})),
    "png": (FigureDataset, Figure(), HalfFigure()),
    "npz": (FaceSetDataset, None, HalfFaces()),
    "npy": (ArrayDataset, np.arange(5), np.array([object()])),
    "txt": (AtomicTextDataset, "a page", None),
}


@pytest.mark.parametrize("suffix", ATOMIC)
@pytest.mark.parametrize("there_before", [True, False])
def test_failed_save_keeps_the_earlier_file(tmp_path, make_faces, suffix, there_before):
    kind, good, bad = ATOMIC[suffix]
    dataset = kind(filepath=str(tmp_path / "deep" / f"file.{suffix}"))
    if there_before:
        dataset.save(make_faces(3) if good is None else good)
    before = contents(tmp_path)
    assert len(before) == there_before
    with pytest.raises(DatasetError):
        dataset.save(bad)
    assert contents(tmp_path) == before
    assert dataset.exists() == there_before
    dataset.save(make_faces(3) if good is None else good)  # the dataset still has its path
    assert list(contents(tmp_path)) == [f"deep/file.{suffix}"]


@pytest.mark.parametrize("kind", [SessionDataset, FaceSetDataset])
def test_earlier_file_is_kept_until_the_new_one_is_whole(tmp_path, make_faces, monkeypatch, kind):
    dataset = kind(filepath=str(tmp_path / "file"))
    data = Session(1.5) if kind is SessionDataset else make_faces(2)
    dataset.save(data)
    before = contents(tmp_path)

    def interrupted(*_):
        now = contents(tmp_path)
        assert now["file"] == before["file"]
        assert len(now) == 2
        raise KeyboardInterrupt

    monkeypatch.setattr(datasets.atomic.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        dataset.save(data)
    assert contents(tmp_path) == before


def test_keep_earlier_keeps_the_earlier_version_of_a_report(tmp_path, caplog):
    dataset = AtomicTextDataset(filepath=str(tmp_path / "study.html"), keep_earlier=True)
    dataset.save("one")
    dataset.save("one")
    assert list(contents(tmp_path)) == ["study.html"]
    caplog.set_level(logging.INFO)
    dataset.save("two")
    assert dataset.load() == "two"
    (aside,) = tmp_path.glob("study-*.html")
    assert aside.read_text() == "one"
    assert aside.name in caplog.text


def test_datasets_describe_their_file(tmp_path):
    for kind in (ArchiveDataset, FaceSetDataset):
        assert json.dumps(str(tmp_path / "x"))[1:-1] in str(kind(filepath=str(tmp_path / "x")))


def test_load_raises_input_error_for_a_missing_file(tmp_path):
    for dataset in (
        AtomicCSVDataset(filepath=str(tmp_path / "a.csv")),
        SessionDataset(filepath=str(tmp_path / "a.json")),
        FaceSetDataset(filepath=str(tmp_path / "a.npz")),
    ):
        with pytest.raises(Exception, match=r"file not found; run the pipeline that writes it"):
            dataset.load()
