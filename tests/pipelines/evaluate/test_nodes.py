import numpy as np
import pandas as pd
import pytest
from parameters import section
from trainings import make_record

from facial_keypoints.errors import InputError
from facial_keypoints.evaluation.records import Champion, VariantMetrics, points_fingerprint
from facial_keypoints.evaluation.splits import SETS, summarise_split
from facial_keypoints.parameters import (
    EvaluateParameters,
    SplitParameters,
    TrainParameters,
    VariantParameters,
)
from facial_keypoints.pipelines.evaluate.nodes import (
    compare_variants,
    measure_mean_face,
    measure_variant,
    plot_best_and_worst,
    plot_error_per_keypoint,
    plot_learning_curves,
    predict_faces,
)
from facial_keypoints.training.fingerprints import fingerprint, origin_of, samples_origin
from facial_keypoints.training.records import Training
from facial_keypoints.training.study_plan import StudyPlan

LOOKUP = pd.DataFrame(
    {
        "RowId": [1, 2, 3, 4],
        "ImageId": [1, 1, 1, 2],
        "FeatureName": ["mouth_left_corner_x", "nose_tip_x", "nose_tip_y", "nose_tip_x"],
    }
)
"""Requests three values of an image of population A, and one of population B."""


@pytest.fixture
def sets(mixed_faces):
    return {**dict.fromkeys(SETS, mixed_faces), "unseen": mixed_faces.select(slice(0))}


@pytest.fixture
def summary(sets):
    return summarise_split(sets, 0, section(SplitParameters), 1.0)


class Constant:
    """A model that predicts x = 1, y = 2 everywhere."""

    def predict(self, images, **_):
        return np.tile(np.float32([1, 2]), (len(images), 15))


PLAN = StudyPlan(1.0)


@pytest.fixture
def variant():
    return VariantParameters(
        name="net",
        architecture="conv_stack",
        settings={},
        train=section(TrainParameters, epochs=20),
    )


def training_of(variant, faces, **record):
    origin = origin_of(variant, samples_origin(faces, faces))
    record = make_record(fingerprint=fingerprint(origin), origin=origin, **record)
    return Training(record, pd.DataFrame(), Constant)


def test_predict_faces_gives_points_of_every_set(variant, sets, mixed_faces):
    training = training_of(variant, mixed_faces)
    predictions = predict_faces(
        training, variant, PLAN, *sets.values(), mixed_faces.select(slice(2))
    )
    assert [each.shape for each in predictions] == [(n, 15, 2) for n in (3, 3, 0, 2)]
    assert all((each == np.float32([1, 2])).all() for each in predictions)


def test_predict_faces_gives_nan_for_failed_training(variant, sets, mixed_faces):
    training = training_of(variant, mixed_faces, failure="no memory")
    predictions = predict_faces(training, variant, PLAN, *sets.values(), mixed_faces)
    assert all(np.isnan(each).all() for each in predictions)


def test_predict_faces_raises_input_error_for_training_with_other_parameters(
    variant, sets, mixed_faces
):
    other = variant.model_copy(update={"train": section(TrainParameters, epochs=15)})
    with pytest.raises(InputError, match=r"net was trained .*\(train\.epochs 15, now 20\).* kept"):
        predict_faces(training_of(other, mixed_faces), variant, PLAN, *sets.values(), mixed_faces)


def test_measure_variant_names_the_training_and_its_failure(sets, summary, mixed_faces):
    points, none = mixed_faces.keypoints, np.empty((0, 15, 2), np.float32)
    training = Training(make_record(failure="?"), pd.DataFrame(), Constant)
    measured = measure_variant(
        *(training, sets["validation"], points, sets["holdout"], points + 1, sets["unseen"], none),
        *(summary, LOOKUP, section(EvaluateParameters)),
    )
    assert (measured.fingerprint, measured.failure) == ("abc", "?")
    assert measured.holdout.rmse_leaderboard == pytest.approx(1)


def test_measure_variant_raises_input_error_for_set_of_another_split(sets, summary, mixed_faces):
    points = mixed_faces.keypoints
    training = Training(make_record(), pd.DataFrame(), Constant)
    with pytest.raises(InputError, match="unseen_faces does not match"):
        measure_variant(
            *(training, *(mixed_faces, points) * 3),
            *(summary, LOOKUP, section(EvaluateParameters)),
        )


def test_measure_mean_face_predicts_the_mean_of_known_training_labels(sets, summary, mixed_faces):
    measured, mean = measure_mean_face(*sets.values(), summary, LOOKUP, section(EvaluateParameters))
    np.testing.assert_allclose(mean, np.nanmean(mixed_faces.keypoints, axis=0), rtol=1e-5)
    assert measured.holdout.rmse > 0
    assert measured.fingerprint is None


def results_of(name, metrics, points):
    """Return the inputs of ``compare_variants`` for one variant."""
    training = Training(make_record(), pd.DataFrame(), Constant)
    return {
        f"{name}.metrics": metrics,
        f"{name}.training": training,
        f"{name}.test_predictions": points,
    }


def test_compare_variants_ranks_and_selects(make_set_metrics):
    metrics = VariantMetrics(make_set_metrics(), make_set_metrics(), None, fingerprint="abc")
    points = np.ones((2, 15, 2), np.float32)
    table, champion = compare_variants(metrics, **results_of("a", metrics, points))
    assert champion.variant == table["variant"].iloc[0] == "a"
    assert champion.test_predictions == points_fingerprint(points)


@pytest.mark.fault(
    "Stale results",
    "metrics of another training than the current one",
    "reported, with the command",
)
def test_compare_variants_raises_input_error_for_metrics_of_another_training(make_set_metrics):
    metrics = VariantMetrics(make_set_metrics(), make_set_metrics(), None, fingerprint="def")
    points = np.ones((2, 15, 2), np.float32)
    with pytest.raises(InputError, match=r"of a are of another training \(def\).*=evaluate"):
        compare_variants(metrics, **results_of("a", metrics, points))


def test_plot_learning_curves_follows_the_leaderboard():
    history = pd.DataFrame({"epoch": [1, 2], "val_rmse": [4.0, 3.0]})
    trainings = {f"{n}.training": Training(make_record(), history, Constant) for n in ("b", "a")}
    ranking = pd.DataFrame({"variant": ["a", "b", "(mean face)"]})
    (axis,) = plot_learning_curves(ranking, **trainings).axes
    assert [line.get_label() for line in axis.lines] == ["a", "b"]
    assert axis.lines[0].get_ydata().tolist() == [4.0, 3.0]


def test_plot_error_per_keypoint_has_a_row_per_variant_and_the_mean_face(make_set_metrics):
    metrics = VariantMetrics(make_set_metrics(), make_set_metrics(), None)
    axis = plot_error_per_keypoint(metrics, **{"a.metrics": metrics}).axes[0]
    assert [text.get_text() for text in axis.get_yticklabels()] == ["a", "mean face"]


def test_plot_best_and_worst_shows_the_champion(mixed_faces):
    predictions = {
        f"{n}.holdout_predictions": mixed_faces.keypoints + i for i, n in enumerate("ab")
    }
    figure = plot_best_and_worst(
        mixed_faces, Champion("b", "", None), section(EvaluateParameters), **predictions
    )
    assert [axis.get_title() for axis in figure.axes] == ["best 1.4 px", "worst 1.4 px"]
