import os

import cv2
import numpy as np
import pytest
from parameters import section

from facial_keypoints.augmentation.transforms import move_points, recipe, stays_inside
from facial_keypoints.errors import InputError
from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import IMAGE_SIZE, KEYPOINTS, SWAP_INDEX
from facial_keypoints.parameters import AugmentParameters
from facial_keypoints.pipelines.augment.nodes import augment_faces, draw_augmentation_grid

CENTRES = np.arange(IMAGE_SIZE) + 0.5
NOTHING = {"flip": False, "rotations": [], "brightness": [], "shifts": [], "noise": []}
ANGLES = [12, -12, 30, -45, 90, 3.3, 180]
SHIFTS = [(-12, -12), (12, -12), (7, 0), (0, -9), (2.5, 3.25)]


def only(**steps):
    return section(AugmentParameters, **{**NOTHING, **steps})


def dots(points, width=2.0):
    """A picture with a soft dot under each point (n, 2); pixel i covers i to i + 1."""
    across = np.exp(-np.square(CENTRES - points[:, :1]) / (2 * width**2))
    down = np.exp(-np.square(CENTRES - points[:, 1:]) / (2 * width**2))
    return np.rint(250 * down[:, :, None] * across[:, None, :]).astype(np.uint8)


def dots_found(pictures):
    """Centres of brightness (n, 2), measured edge to edge."""
    weight = pictures.astype(np.float64)
    total = weight.sum(axis=(1, 2))
    x = (weight.sum(axis=1) * CENTRES).sum(axis=1) / total
    y = (weight.sum(axis=2) * CENTRES).sum(axis=1) / total
    return np.stack([x, y], axis=1)


@pytest.fixture(scope="module")
def places():
    """Many places inside, on no particular pixel."""
    return np.random.default_rng(5).uniform(30, 66, (60, 2)).astype(np.float32)


def test_a_dot_is_found_where_it_was_drawn(places):
    np.testing.assert_allclose(dots_found(dots(places)), places, atol=0.02)


@pytest.mark.parametrize("border", ["black", "replicate"])
@pytest.mark.parametrize(
    "step",
    recipe(only(flip=True, rotations=ANGLES, shifts=SHIFTS, brightness=[0.5])),
    ids=lambda step: step.name,
)
def test_the_dot_under_a_point_moves_with_it(places, step, border):
    augment = only(flip=True, rotations=ANGLES, shifts=SHIFTS, brightness=[0.5], border=border)
    step = next(other for other in recipe(augment) if other.name == step.name)
    points = np.repeat(places[:, None], len(KEYPOINTS), axis=1)
    moved = move_points(points, step)
    pictures = step.images(dots(places), np.random.default_rng(0))
    assert pictures.dtype == np.uint8
    errors = np.linalg.norm(dots_found(pictures) - moved[:, 0], axis=1)
    assert errors.max() < 0.05


def test_positive_angles_turn_counter_clockwise_as_seen():
    (step,) = recipe(only(rotations=[90]))
    right_of_centre = np.full((1, 15, 2), (60, 48), np.float32)
    np.testing.assert_allclose(move_points(right_of_centre, step)[0, 0], (48, 36), atol=1e-5)


def test_every_point_of_a_face_keeps_its_dot(make_faces):
    """Through the whole node: each face shows one of its points; the dot goes with the name."""
    faces = make_faces(15)
    shown = np.arange(15)
    drawn = FaceSet(**{**faces.arrays(), "images": dots(faces.keypoints[shown, shown])})
    augmented, _ = augment_faces(
        drawn, only(flip=True, rotations=[12, -12], shifts=[(-12, 12)], border="black")
    )
    copies = augmented.select(augmented.augmented)
    mirrored = np.arange(len(copies)) < 15
    point = np.where(mirrored, np.array(SWAP_INDEX)[copies.group], copies.group)
    under = copies.keypoints[np.arange(len(copies)), point]
    well_inside = ((under > 8) & (under < 88)).all(axis=1)
    found = dots_found(copies.images)
    assert well_inside.sum() >= 45
    assert np.linalg.norm(found - under, axis=1)[well_inside].max() < 0.05


def test_flip_mirrors_the_picture_and_swaps_the_names(make_faces):
    faces = make_faces(4)
    augmented, _ = augment_faces(faces, only(flip=True))
    copies = augmented.select(slice(4, None))
    np.testing.assert_array_equal(copies.images, faces.images[:, :, ::-1])
    for name, partner in (
        ("left_eye_center", "right_eye_center"),
        ("mouth_right_corner", "mouth_left_corner"),
        ("nose_tip", "nose_tip"),
    ):
        was = faces.keypoints[:, KEYPOINTS.index(name)]
        became = copies.keypoints[:, KEYPOINTS.index(partner)]
        np.testing.assert_allclose(became[:, 0], 96 - was[:, 0], atol=1e-5)
        np.testing.assert_array_equal(became[:, 1], was[:, 1])


def test_flipping_twice_is_the_identity(make_faces):
    faces = make_faces(5, of_b=2)
    faces.labelled[0, 3] = False
    faces.keypoints[0, 3] = np.nan
    again = faces
    for _ in range(2):
        again = augment_faces(again, only(flip=True, of="all"))[0].select(slice(5, None))
    np.testing.assert_array_equal(again.images, faces.images)
    np.testing.assert_array_equal(again.labelled, faces.labelled)
    np.testing.assert_allclose(again.keypoints, faces.keypoints, atol=1e-5)


def test_missing_labels_change_names_too(make_faces):
    faces = make_faces(2)
    outer = KEYPOINTS.index("left_eye_outer_corner")
    faces.labelled[1, outer] = False
    faces.keypoints[1, outer] = np.nan
    copies = augment_faces(faces, only(flip=True, of="all"))[0].select(slice(2, None))
    partner = KEYPOINTS.index("right_eye_outer_corner")
    assert np.flatnonzero(~copies.labelled[1]).tolist() == [partner]
    assert np.isnan(copies.keypoints[1, partner]).all()
    assert np.isfinite(copies.keypoints[1, outer]).all()


def test_brightness_and_noise_leave_points_alone(make_faces):
    faces = make_faces(40)
    augmented, _ = augment_faces(faces, only(brightness=[1.5, 0.8], noise=[0.1]))
    brighter, darker, noisy = (
        augmented.select(slice(start, start + 40)) for start in (40, 80, 120)
    )
    for copies in (brighter, darker, noisy):
        np.testing.assert_array_equal(copies.keypoints, faces.keypoints)
    grey = faces.images.astype(float)
    np.testing.assert_allclose(brighter.images, np.minimum(grey * 1.5, 255), atol=0.51)
    np.testing.assert_allclose(darker.images, grey * 0.8, atol=0.51)
    middle = (grey > 110) & (grey < 145)  # far from being clipped
    change = (noisy.images - grey)[middle]
    assert change.std() == pytest.approx(25.5, rel=0.02)
    assert abs(change.mean()) < 0.2
    assert noisy.images.max() == 255
    assert noisy.images.min() == 0


@pytest.mark.parametrize(
    ("edge", "kept"), [((12, 50), 0), ((12.01, 50), 1), ((50, 12), 0), ((50, 12.5), 1)]
)
def test_shift_drops_samples_with_a_point_on_or_over_the_border(make_faces, edge, kept):
    faces = make_faces(3)
    faces.keypoints[1, 7] = edge
    faces.population[:] = [0, 0, 1]
    augmented, account = augment_faces(faces, only(shifts=[(-12, -12)]))
    assert account["by_step"] == {"original": 3, "shift -12,-12": 2 + kept}
    assert augmented.group.tolist() == [0, 1, 2, *([0, 1, 2] if kept else [0, 2])]
    assert augmented.population.tolist() == [0, 0, 1, *([0, 0, 1] if kept else [0, 1])]
    assert account["samples"] == len(augmented) == 5 + kept


def test_shift_over_the_far_border_and_missing_points():
    (step,) = recipe(only(shifts=[(12, 12)]))
    points = np.full((4, 15, 2), 50, np.float32)
    points[1, 0, 0] = 84
    points[2, 0, 1] = 83.9
    points[3, 0] = np.nan
    assert stays_inside(move_points(points, step)).tolist() == [True, False, True, True]


def test_what_a_shift_uncovers_is_black_or_the_nearest_edge(make_faces):
    faces = make_faces(2)
    black, edge = (
        augment_faces(faces, only(shifts=[(12, 0)], border=border))[0].images[2:]
        for border in ("black", "replicate")
    )
    assert not black[:, :, :12].any()
    np.testing.assert_array_equal(edge[:, :, :12], np.repeat(faces.images[:, :, :1], 12, axis=2))
    for images in (black, edge):
        np.testing.assert_array_equal(images[:, :, 12:], faces.images[:, :, :-12])


def test_whole_pixel_shifts_agree_with_points_in_every_direction(make_faces):
    faces = make_faces(3)
    for x, y in ((-5, 0), (5, 0), (0, 5), (0, -5)):
        copies = augment_faces(faces, only(shifts=[(x, y)], border="black"))[0].select(
            slice(3, None)
        )
        np.testing.assert_allclose(copies.keypoints, faces.keypoints + np.array([x, y]), atol=1e-4)
        inside = np.s_[:, 10:-10, 10:-10]
        moved = np.roll(faces.images, (y, x), (1, 2))
        np.testing.assert_array_equal(copies.images[inside], moved[inside])


def test_source_population_and_labels_follow_every_sample(make_faces):
    faces = make_faces(7, of_b=3, seed=2)
    faces.group[:] = [10, 11, 12, 12, 14, 15, 16]
    augmented, account = augment_faces(faces, section(AugmentParameters, of="all"))
    np.testing.assert_array_equal(augmented.keypoints[:7], faces.keypoints)
    np.testing.assert_array_equal(augmented.images[:7], faces.images)
    steps = np.repeat(list(account["by_step"]), list(account["by_step"].values()))
    assert len(steps) == len(augmented)
    assert (augmented.augmented == (steps != "original")).all()
    of_source = dict(zip(faces.group, faces.population, strict=True))
    assert [of_source[s] for s in augmented.group] == augmented.population.tolist()
    np.testing.assert_array_equal(np.isfinite(augmented.keypoints).all(axis=2), augmented.labelled)
    for step in set(steps) - {"original"}:
        copies = augmented.select(steps == step)
        if step.startswith("shift"):
            continue
        assert copies.group.tolist() == faces.group.tolist()
        labelled = faces.labelled[:, SWAP_INDEX] if step == "flip" else faces.labelled
        np.testing.assert_array_equal(copies.labelled, labelled)


def test_filled_labels_stay_known_as_filled(make_faces):
    faces = make_faces(4, of_b=2)
    filled = FaceSet(**{**faces.arrays(), "keypoints": np.nan_to_num(faces.keypoints, nan=50)})
    complete, _ = augment_faces(filled, only(rotations=[12]))
    assert complete.group.tolist() == [0, 1, 2, 3, 0, 1]
    everyone, _ = augment_faces(filled, only(rotations=[12], of="all"))
    np.testing.assert_array_equal(everyone.labelled[4:], faces.labelled)


def test_none_adds_nothing_and_no_complete_face_is_an_error(make_faces):
    faces = make_faces(3, of_b=3)
    augmented, account = augment_faces(faces, section(AugmentParameters, of="none"))
    assert account == {"samples": 3, "by_step": {"original": 3}}
    assert not augmented.augmented.any()
    with pytest.raises(InputError, match=r"augment\.of=complete finds no face"):
        augment_faces(faces, section(AugmentParameters))


def test_same_seed_same_samples_another_seed_other_noise(make_faces):
    faces = make_faces(6)
    first, again, other = (
        augment_faces(faces, section(AugmentParameters, seed=seed))[0] for seed in (1, 1, 2)
    )
    for name, array in first.arrays().items():
        np.testing.assert_array_equal(getattr(again, name), array)
    differs = (first.images != other.images).any(axis=(1, 2))
    assert differs.tolist() == [False] * (len(first) - 6) + [True] * 6


def test_result_does_not_depend_on_the_number_of_cores(make_faces, monkeypatch):
    faces = make_faces(520)  # more than two pieces of work
    faces.images[:] = 128
    augment = only(flip=True, noise=[0.1])
    found = []
    for cores in (1, 2, 7):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        found.append(augment_faces(faces, augment)[0].images)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    noisy = found[0][1040:]
    assert (noisy[0] != noisy[256]).any(), "two pieces of work drew the same noise"


def test_a_failing_step_ends_the_node(make_faces, monkeypatch):
    def broken(*_, **__):
        raise cv2.error("warp")

    monkeypatch.setattr(cv2, "warpAffine", broken)
    with pytest.raises(cv2.error, match="warp"):
        augment_faces(make_faces(3), only(rotations=[5]))


def test_recipe_makes_the_papers_counts(make_faces):
    """Originals, flips, two rotations, two brightnesses, noise of the complete rows; and the
    four diagonal shifts of those that stay inside, as the paper's 26,239 come about.
    """
    faces = make_faces(200, of_b=140)
    generator = np.random.default_rng(0)
    faces.keypoints[:60] = generator.uniform(8, 88, (60, 1, 1)) + generator.uniform(
        -4, 4, (60, 15, 2)
    )
    augmented, account = augment_faces(faces, section(AugmentParameters))
    points = faces.keypoints[:60].astype(np.float64)
    shifts = {}
    for x in (-12, 12):
        for y in (-12, 12):
            moved = points + np.array([x, y])
            inside = ((moved > 0) & (moved < 96)).all(axis=(1, 2))
            shifts[f"shift {x:+d},{y:+d}"] = int(inside.sum())
    assert account["by_step"] == {
        "original": 200,
        "flip": 60,
        "rotate +12": 60,
        "rotate -12": 60,
        "brightness 1.5": 60,
        "brightness 0.8": 60,
        **shifts,
        "noise 0.008": 60,
    }
    assert all(0 < count < 60 for count in shifts.values())
    assert len(augmented) == account["samples"] == 200 + 6 * 60 + sum(shifts.values())


def test_sheet_shows_one_face_and_all_its_copies(make_faces):
    augmented, account = augment_faces(make_faces(3, of_b=1), only(flip=True, noise=[0.1]))
    titles = [axis.get_title() for axis in draw_augmentation_grid(augmented, account).axes]
    assert titles == ["original", "flip", "noise 0.1"]


def test_the_same_step_twice_counts_twice(make_faces):
    augmented, account = augment_faces(make_faces(3), only(noise=[0.1, 0.1]))
    assert account["by_step"] == {"original": 3, "noise 0.1": 3, "noise 0.1 #2": 3}
    assert (augmented.images[3:6] != augmented.images[6:]).any()
    titles = [axis.get_title() for axis in draw_augmentation_grid(augmented, account).axes]
    assert titles == ["original", "noise 0.1", "noise 0.1 #2"]


def test_sheet_without_copies(make_faces):
    augmented, account = augment_faces(make_faces(3), section(AugmentParameters, of="none"))
    titles = [axis.get_title() for axis in draw_augmentation_grid(augmented, account).axes]
    assert titles == ["original"]
