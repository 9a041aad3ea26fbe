import numpy as np
import pytest

from facial_keypoints.evaluation.champion import ChampionModel, UnseenFaces
from facial_keypoints.photos.confidence import calibrate


def drawn_errors(n=400, seed=0):
    """Labels, predictions whose errors grow with the spread, and the spread."""
    generator = np.random.default_rng(seed)
    truth = generator.uniform(20, 70, (n, 15, 2))
    truth[:, 0] = truth[:, 1] + (30, 0)
    spread = generator.uniform(0.5, 6, (n, 15))
    own = np.linspace(1, 3, 15)  # sharper heat maps of some keypoints
    error = 0.5 * spread[..., None] / own[:, None] * generator.normal(size=(n, 15, 2))
    return truth, truth + error, spread


def test_confidence_is_the_fraction_of_small_errors():
    calibration = calibrate("abc", *drawn_errors())
    truth, predicted, spread = drawn_errors(seed=1)
    confidence = calibration.apply(spread)
    right = np.linalg.norm(predicted - truth, axis=2) < 0.05 * 30
    for low, high in ((0.0, 0.4), (0.4, 0.7), (0.7, 1.01)):
        chosen = (confidence >= low) & (confidence < high)
        assert chosen.sum() > 100
        assert abs(right[chosen].mean() - confidence[chosen].mean()) < 0.06


def test_more_spread_never_gives_more_confidence():
    calibration = calibrate("abc", *drawn_errors())
    confidence = calibration.apply(np.linspace(0, 60, 200)[:, None].repeat(15, axis=1))
    assert (np.diff(confidence, axis=0) <= 0).all()
    assert confidence.min() == 0
    assert calibration.rank_correlation > 0.3


def test_missing_labels_and_close_eyes_do_not_count():
    truth, predicted, spread = drawn_errors()
    truth[:100, 3] = np.nan
    truth[100:110, 0] = truth[100:110, 1] + 0.1
    calibration = calibrate("abc", truth, predicted, spread)
    assert calibration.labels == 390 * 15 - 100
    assert calibration.faces == 390


@pytest.mark.parametrize("faces", [0, 2])
def test_too_few_labels_give_a_falling_line(faces):
    truth, predicted, spread = (values[:faces] for values in drawn_errors())
    calibration = calibrate("abc", truth, predicted, spread)
    assert calibration.rank_correlation is None
    assert calibration.apply(np.full((1, 15), 20.0)).tolist() == [[0.5] * 15]


@pytest.mark.training
def test_variant_is_calibrated_on_faces_that_it_has_not_seen(make_faces):
    from facial_keypoints.models.registry import build_model
    from facial_keypoints.photos.confidence import calibrate_champion

    class Training:
        fingerprint = "abc"

        @staticmethod
        def load_model():
            return build_model("conv_stack", {"convs": 1, "pools": 1, "width": 0.05})

    faces = make_faces(9, of_b=2)
    unseen = UnseenFaces(faces, np.full(9, -1))
    calibration = calibrate_champion(ChampionModel(None, Training(), lambda: unseen))
    assert (calibration.fingerprint, calibration.faces) == ("abc", 7)
