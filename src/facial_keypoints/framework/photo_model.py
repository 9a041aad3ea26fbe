"""The champion, ready to predict on photos outside of a Kedro session."""

from kedro.io import DataCatalog

from facial_keypoints.parameters import PredictParameters
from facial_keypoints.photos.confidence import calibrate_champion
from facial_keypoints.photos.prediction import make_champion_predictor
from facial_keypoints.photos.uploads import PhotoModel


def load_photo_model(catalog: DataCatalog, predict: PredictParameters) -> PhotoModel:
    """Return the champion of an environment.

    The first time, its confidence is calibrated and kept, as ``predict`` does it.

    Args:
        catalog: Of the environment.
        predict: Names the finder and the framings.

    Raises:
        DatasetError: If there is no champion, or its files cannot be read.
    """
    champion, earlier = catalog.load("champion_model"), catalog.load("earlier_calibration")
    calibration = calibrate_champion(champion, earlier)
    if calibration is not earlier:
        catalog.save("confidence_calibration", calibration)
    return PhotoModel(
        champion=champion.champion,
        predictor=make_champion_predictor(champion),
        calibration=calibration,
        mean_face=catalog.load("mean_face"),
        predict=predict,
    )
