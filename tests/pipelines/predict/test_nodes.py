import pytest
from parameters import section
from PIL import Image

from facial_keypoints.errors import InputError
from facial_keypoints.evaluation.champion import ChampionModel
from facial_keypoints.models.calibration import Calibration
from facial_keypoints.parameters import PredictParameters
from facial_keypoints.photos.confidence import calibrate_champion
from facial_keypoints.pipelines.predict import create_pipeline
from facial_keypoints.pipelines.predict.nodes import find_faces, list_photos


@pytest.fixture
def whole(tmp_path):
    return section(PredictParameters, input=str(tmp_path), finder="whole")


def test_photos_that_cannot_be_read_are_logged_and_the_rest_goes_on(whole, tmp_path, caplog):
    Image.new("RGB", (100, 100)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no photo")
    crops = find_faces(list_photos(whole), whole)
    assert crops.photo.tolist() == [0]
    assert "b.png: is not a photo that can be read" in caplog.text


def test_raises_input_error_if_no_photo_can_be_read(whole, tmp_path):
    (tmp_path / "b.png").write_bytes(b"no photo")
    with pytest.raises(InputError, match="None of 1 photo can be read"):
        find_faces(list_photos(whole), whole)


def test_input_is_checked_before_the_model_is_loaded():
    order = [node.name for node in create_pipeline(section(PredictParameters)).nodes]
    assert order.index("list_photos") < order.index("measure_confidence")
    assert order.index("measure_confidence") < order.index("find_faces")


def test_calibration_of_the_same_training_is_used_again():
    class Training:
        fingerprint = "abc"

    earlier = Calibration("abc", [1.0] * 15, [0.0, 1.0], [1.0, 0.0], 9, 1, None)
    assert calibrate_champion(ChampionModel(None, Training(), None), earlier) is earlier


@pytest.mark.parametrize(
    ("source", "first"),
    [
        ({"input": "a.MP4"}, "check_video"),
        ({"camera": 0}, "check_camera"),
        ({"input": "folder"}, "list_photos"),
        ({}, "list_photos"),
    ],
)
def test_source_decides_on_the_nodes(source, first):
    names = [node.name for node in create_pipeline(section(PredictParameters, **source)).nodes]
    assert names[0] == first


def test_input_and_camera_exclude_each_other():
    with pytest.raises(ValueError, match="input and camera exclude each other"):
        section(PredictParameters, input="a.jpg", camera=0)
