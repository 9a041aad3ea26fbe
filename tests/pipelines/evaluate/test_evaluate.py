import numpy as np
import pandas as pd
import pytest
from parameters import section

from facial_keypoints.errors import InputError
from facial_keypoints.evaluation.records import Champion
from facial_keypoints.faces import FaceSet
from facial_keypoints.parameters import EvaluateParameters, TrainParameters, VariantParameters
from facial_keypoints.pipelines.evaluate.nodes import (
    MEAN_FACE,
    compare_variants,
    measure,
    measure_mean_face,
    measure_variant,
    predict_faces,
)
from facial_keypoints.plotting.evaluation import (
    draw_best_and_worst,
    draw_error_per_point,
    draw_learning_curves,
)
from facial_keypoints.training.records import Training, fingerprint, origin_of, samples_origin

LOOKUP = pd.DataFrame(
    {
        "RowId": [1, 2, 3, 4],
        "ImageId": [1, 1, 1, 2],
        "FeatureName": ["mouth_left_corner_x", "nose_tip_x", "nose_tip_y", "nose_tip_x"],
    }
)
"""Asks three values of a picture of population A, and one of population B."""


@pytest.fixture
def holdout():
    """Two faces of A (the second augmented), one of B with four labels, one filled-in label."""
    generator = np.random.default_rng(0)
    keypoints = generator.uniform(30, 60, (3, 15, 2)).astype(np.float32)
    keypoints[:, 0, 0] = keypoints[:, 1, 0] + 30  # eyes well apart
    keypoints[:, 0, 1] = keypoints[:, 1, 1]
    labelled = np.ones((3, 15), dtype=bool)
    labelled[2] = np.isin(np.arange(15), [0, 1, 10, 14])
    keypoints[2, ~labelled[2]] = np.nan
    labelled[0, 9] = False  # has a value, but no person placed it
    return FaceSet(
        images=generator.integers(0, 255, (3, 96, 96), dtype=np.uint8),
        keypoints=keypoints,
        labelled=labelled,
        group=np.array([0, 0, 2], dtype=np.int32),
        population=np.array([0, 0, 1], dtype=np.int8),
        augmented=np.array([False, True, False]),
    )


def test_augmented_and_filled_in_labels_count_for_the_papers_figures_only(holdout):
    predicted = holdout.keypoints.copy()
    predicted[0, 9] += 50  # wrong on the filled-in label
    predicted[1] += 50  # wrong on the augmented face
    predicted[0, 10] += (3, 4)
    figures = measure(holdout, predicted, LOOKUP, failure_threshold=0.1)
    assert figures["faces"] == 2
    assert figures["samples"] == 3
    assert figures["rmse_A"] == pytest.approx(np.sqrt(25 / 28), rel=1e-5)
    assert figures["rmse_B"] == 0
    assert figures["rmse_leaderboard"] == pytest.approx(np.sqrt(0.75 * 25 / 28), rel=1e-5)
    assert figures["rmse_per_keypoint"]["nose_tip"] == pytest.approx(np.sqrt(25 / 4), rel=1e-5)
    assert figures["mse"] > 1000
    assert figures["nme"] == pytest.approx(5 / 14 / 30 / 2, rel=1e-5)
    assert figures["failure_rate"] == 0


def test_what_cannot_be_measured_is_null(holdout):
    only_a = holdout.select(np.array([True, False, False]))
    figures = measure(only_a, only_a.keypoints, LOOKUP, failure_threshold=0.1)
    assert figures["rmse_B"] is None
    assert figures["rmse_leaderboard"] is None
    assert figures["rmse_per_keypoint"]["right_eyebrow_outer_end"] is None


def test_the_mean_face_is_the_mean_of_known_training_labels(holdout):
    nobody = holdout.select(slice(0))
    account = {"holdout_samples_with_a_sibling_in_training": 0}
    figures, mean = measure_mean_face(
        holdout, holdout, holdout, nobody, account, LOOKUP, section(EvaluateParameters)
    )
    np.testing.assert_allclose(mean, np.nanmean(holdout.keypoints, axis=0), rtol=1e-5)
    assert figures["holdout"]["rmse"] > 0


def test_unseen_faces_are_the_unseen_set_or_a_hold_out_without_siblings(holdout):
    nobody, points = holdout.select(slice(0)), holdout.keypoints
    none = np.empty((0, 15, 2), np.float32)
    how = (LOOKUP, section(EvaluateParameters))
    clean, leaky = (
        {
            "holdout_samples_with_a_sibling_in_training": siblings,
            "digests": dict.fromkeys(("validation", "holdout"), holdout.digest())
            | {"unseen": nobody.digest()},
        }
        for siblings in (0, 2)
    )
    net = Training({"fingerprint": "abc"}, pd.DataFrame(), lambda: None)
    here = (net, holdout, points, holdout, points + 1)
    by_source = measure_variant(*here, nobody, none, clean, *how)
    assert by_source["training"] == "abc"
    assert by_source["unseen"] == by_source["holdout"]
    with pytest.raises(InputError, match="unseen_faces is not of the last split"):
        measure_variant(*here, holdout, points + 2, leaky, *how)
    apart = leaky | {"digests": leaky["digests"] | {"unseen": holdout.digest()}}
    kept_out = measure_variant(*here, holdout, points + 2, apart, *how)
    assert kept_out["holdout"]["mse"] == pytest.approx(1)
    assert kept_out["unseen"]["mse"] == pytest.approx(4)
    unknown = measure_variant(*here, nobody, none, leaky, *how)
    assert unknown["unseen"] is None


def test_a_training_from_something_else_is_not_evaluated(holdout):
    variant = VariantParameters(
        name="net",
        architecture="conv_stack",
        settings={},
        train=section(TrainParameters, epochs=20),
    )
    other = variant.model_copy(update={"train": section(TrainParameters, epochs=15)})
    origin = origin_of(other, samples_origin(holdout, holdout))
    training = Training(
        {"fingerprint": fingerprint(origin), "origin": origin}, pd.DataFrame(), lambda: None
    )
    with pytest.raises(InputError, match=r"net was trained .*\(train\.epochs 15, now 20\).* kept"):
        predict_faces(training, variant, *[holdout] * 5)


def figures_with(validation, holdout_score):
    one = dict.fromkeys(("rmse", "rmse_A", "rmse_B", "nme", "failure_rate", "mse"), 1.0)
    one["paper_accuracy"] = 0.5
    return {
        "validation": {**one, "rmse_leaderboard": validation},
        "holdout": {**one, "rmse_leaderboard": holdout_score},
        "unseen": None,
    }


def record(run):
    identity = {"mlflow_run_id": run, "fingerprint": f"of {run}"}
    numbers = {**identity, "parameters": 10, "epochs": 2, "minutes": 0.1}
    return Training(numbers, pd.DataFrame(), lambda: None)


def test_the_champion_is_chosen_by_validation_not_by_the_holdout():
    table, champion = compare_variants(
        figures_with(9.0, 9.0),
        **{"a.metrics": figures_with(2.0, 1.0), "a.training": record("run-a")},
        **{"b.metrics": figures_with(1.5, 3.0), "b.training": record("run-b")},
    )
    assert champion == Champion("b", "of run-b", "run-b", validation_rmse=1.5, holdout_rmse=3.0)
    assert list(table["variant"]) == ["b", "a", MEAN_FACE]
    assert list(table["holdout_rmse"]) == [3.0, 1.0, 9.0]


def test_a_variant_without_weighted_score_is_compared_by_plain_rmse():
    unweighted = figures_with(None, None)
    table, champion = compare_variants(
        figures_with(9.0, 9.0),
        **{"a.metrics": unweighted, "a.training": record(None)},
    )
    assert champion.validation_rmse == 1.0
    assert table["holdout_rmse"].iloc[0] == 1.0


def test_a_small_set_without_a_photographed_face_is_compared_over_all_samples():
    copies_only = figures_with(None, None)
    for part in ("validation", "holdout"):
        copies_only[part] |= {"rmse": None, "mse": 4.0}
    _, champion = compare_variants(
        figures_with(9.0, 9.0), **{"a.metrics": copies_only, "a.training": record(None)}
    )
    assert champion.validation_rmse == champion.holdout_rmse == 2.0
    copies_only["validation"]["mse"] = None
    with pytest.raises(InputError, match="holds no label, or the networks answer no numbers"):
        compare_variants(
            figures_with(9.0, 9.0), **{"a.metrics": copies_only, "a.training": record(None)}
        )


def test_plots_show_what_they_are_given(holdout):
    history = pd.DataFrame({"epoch": [1, 2], "val_rmse": [4.0, 3.0]})
    trainings = {f"{n}.training": Training({}, history, lambda: None) for n in ("b", "a")}
    order = pd.DataFrame({"variant": ["a", "b", MEAN_FACE]})
    curves = draw_learning_curves(order, **trainings).axes[0]
    assert [line.get_label() for line in curves.lines] == ["a", "b"]
    assert curves.lines[0].get_ydata().tolist() == [4.0, 3.0]

    per_point = measure(holdout, holdout.keypoints + 1, LOOKUP, 0.1)
    cells = draw_error_per_point({"holdout": per_point}, a={"holdout": per_point}).axes[0]
    assert [text.get_text() for text in cells.texts] == ["1.0"] * 28  # one point is unlabelled

    predicted = holdout.keypoints.copy()
    predicted[2] += 5
    sheet = draw_best_and_worst(
        holdout, Champion("a", "", None), section(EvaluateParameters, grid_faces=4), a=predicted
    )
    titles = [axis.get_title() for axis in sheet.axes]
    assert titles == ["best 0.0 px", f"worst {5 * np.sqrt(2):.1f} px"]
