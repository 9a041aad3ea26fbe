"""Bounds and types of the sections."""

from pathlib import Path

import pytest
from parameters import raw_parameters, section

from facial_keypoints.errors import InputError
from facial_keypoints.parameters import (
    CleanParameters,
    DownloadParameters,
    TrainParameters,
    UploadParameters,
)
from facial_keypoints.parameters.checks import check_parameters


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"train": {"epochs": 0}}, "train.epochs"),
        ({"train": {"epochs": 2.5}}, "train.epochs"),
        ({"train": {"epochs": None}}, "train"),
        ({"train": {"learning_rate": 0}}, "train.learning_rate"),
        ({"train": {"learning_rate": float("inf")}}, "train.learning_rate"),
        ({"train": {"max_minutes": -1}}, "train.max_minutes"),
        ({"train": {"cooldown": 1}}, "train.cooldown"),
        ({"train": {"precision": "float16"}}, "train.precision"),
        ({"train": {"deterministic": "maybe"}}, "train.deterministic"),
        ({"download": {"source": "kagle"}}, "download.source"),
        ({"download": {"competition": "a b"}}, "download.competition"),
        ({"download": {"archive": 3}}, "download.archive"),
        ({"download": {"synthetic": {"train_faces": 19}}}, "download.synthetic.train_faces"),
        ({"split": {"by": "row"}}, "split.by"),
        ({"split": {"holdout": 0}}, "split.holdout"),
        ({"split": {"validation": 1.0}}, "split.validation"),
        ({"split": {"seed": 2**32}}, "split.seed"),
        ({"clean": {"missing_labels": "fill"}}, "clean.missing_labels"),
        ({"augment": {"rotations": 12}}, "augment.rotations"),
        ({"augment": {"rotations": None}}, "augment.rotations"),
        ({"augment": {"rotations": ["x"]}}, "augment.rotations.0"),
        ({"augment": {"noise": [0.1, 0]}}, "augment.noise.1"),
        ({"augment": {"shifts": [[1]]}}, "augment.shifts.0.1"),
        ({"augment": {"shifts": [12]}}, "augment.shifts.0"),
        ({"augment": {"shifts": [[1, 2, 3]]}}, "augment.shifts.0"),
        ({"augment": {"shifts": [[float("nan"), 2]]}}, "augment.shifts.0.0"),
        ({"evaluate": {"grid_faces": 49}}, "evaluate.grid_faces"),
        ({"upload": {"wait_minutes": -1}}, "upload.wait_minutes"),
        ({"competition": {"members": 11}}, "competition.members"),
        ({"competition": {"minutes": 0}}, "competition.minutes"),
    ],
)
def test_raises_input_error_for_value_out_of_bounds(changes, path):
    with pytest.raises(InputError) as error:
        check_parameters(raw_parameters(**changes))
    heading, line = str(error.value).split("\n")
    assert heading == "Invalid parameters:"
    assert line.startswith(f"  - {path}: ")


@pytest.mark.parametrize("archive", [None, ""])
def test_raises_input_error_for_archive_source_without_path(archive):
    raw = raw_parameters(download={"source": "archive", "archive": archive})
    with pytest.raises(InputError, match=r"download: source is 'archive', so 'archive' must") as e:
        check_parameters(raw)
    assert "--params download.source=archive,download.archive=" in str(e.value)


def test_expands_tilde_in_archive_path():
    download = section(DownloadParameters, source="archive", archive="~/a.zip")
    assert download.archive == Path.home() / "a.zip"


def test_archive_may_be_the_working_folder():
    assert section(DownloadParameters, source="archive", archive=".").archive == Path()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("flat_images", ["flat_images"]),
        ("flat_images+filled_labels", ["flat_images", "filled_labels"]),
        (["flat_images"], ["flat_images"]),
        ("", []),
    ],
)
def test_accepted_data_checks_are_a_list_or_joined_by_plus(given, expected):
    assert section(CleanParameters, accept=given).accept == expected


def test_raises_input_error_with_the_names_of_data_checks():
    with pytest.raises(InputError, match=r"clean\.accept.*'filled_labels', 'scaled_labels'"):
        check_parameters(raw_parameters(clean={"accept": "filled"}))


def test_wait_only_and_dry_run_exclude_each_other():
    with pytest.raises(ValueError, match="wait_only and dry_run exclude each other"):
        section(UploadParameters, wait_only=True, dry_run=True)


def test_values_cannot_be_changed():
    train = section(TrainParameters)
    with pytest.raises(ValueError, match="frozen"):
        train.epochs = 3
