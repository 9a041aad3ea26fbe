from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from studies import split_summary
from trainings import make_record

from facial_keypoints.errors import InputError
from facial_keypoints.evaluation.records import Champion
from facial_keypoints.evaluation.splits import SetSummary
from facial_keypoints.export.faces import (
    check_holdout,
    check_population,
    choose_faces,
    select_population,
    truth_of,
)
from facial_keypoints.training.records import Training


def training_on(digest):
    record = make_record(variant="tiny", origin={"training samples": digest})
    return Training(record, None, lambda: None)


def split_of(holdout, train_digest):
    train, held_out = (SetSummary(1, 1, digest) for digest in (train_digest, holdout.digest()))
    return replace(split_summary(), train=train, holdout=held_out)


def test_holdout_of_the_champions_split_is_returned(make_faces):
    holdout = make_faces(3)
    assert check_holdout(training_on("a"), holdout, split_of(holdout, "a")) is holdout


def test_holdout_of_another_split_is_refused(make_faces):
    holdout = make_faces(3)
    with pytest.raises(InputError, match="tiny was trained on another split"):
        check_holdout(training_on("a"), holdout, split_of(holdout, "b"))


def test_missing_holdout_is_refused_with_the_command_that_makes_one():
    with pytest.raises(InputError, match="missing; run: kedro run --pipeline=full"):
        check_holdout(training_on("a"), None, None)


def test_variant_is_measured_on_the_holdout_an_ensemble_by_answer_key_or_out_of_fold():
    variant, ensemble = (Champion("a", "b", None, holdout_rmse=rmse) for rmse in (1.0, None))
    answers = pd.DataFrame({"RowId": [1], "Location": [7.0]})
    assert truth_of(variant, answers) == "hold-out"
    assert truth_of(ensemble, answers) == "answer key"
    assert truth_of(ensemble, answers[:0]) == "out-of-fold faces"


def test_labelled_faces_of_a_population_are_selected(make_faces):
    faces = make_faces(4, of_b=1)
    labelled = faces.labelled.copy()
    labelled[0] = False
    faces = replace(faces, labelled=labelled)
    assert select_population(faces, "A").group.tolist() == [1, 2]
    assert select_population(faces, "B").group.tolist() == [3]


def test_only_an_ensemble_has_population_b():
    assert check_population("A", 15) == 0
    assert check_population("B", 19) == 1
    with pytest.raises(InputError, match=r"export\.population=B: only the ensemble"):
        check_population("B", 15)


def test_chosen_faces_are_originals_in_their_order(make_faces):
    faces = make_faces(9)
    faces = replace(faces, augmented=faces.group % 3 == 0)
    chosen = choose_faces(faces, 4, seed=1)
    assert len(chosen) == 4
    assert not (chosen.group % 3 == 0).any()
    assert (np.diff(chosen.group) > 0).all()
    assert len(choose_faces(faces, 100, seed=1)) == 6


def test_no_faces_are_refused(make_faces):
    with pytest.raises(InputError, match="no face to compare"):
        choose_faces(make_faces(2, of_b=2).select(slice(0)), 4, seed=1)
