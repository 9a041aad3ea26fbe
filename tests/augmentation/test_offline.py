import os

import cv2
import numpy as np
import pytest
from dots import draw_dots, find_dots
from parameters import section

from facial_keypoints.augmentation.offline import AugmentationSummary, augment
from facial_keypoints.errors import InputError
from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import KEYPOINTS, SWAP_INDEX
from facial_keypoints.parameters import AugmentParameters

NO_STEPS = {"flip": False, "rotations": [], "brightness": [], "shifts": [], "noise": []}


def only(**steps):
    return section(AugmentParameters, **{**NO_STEPS, **steps})


def test_every_keypoint_stays_on_its_dot(make_faces):
    """Each face shows a dot at another one of its keypoints."""
    faces = make_faces(15)
    shown = np.arange(15)
    with_dots = FaceSet(**{**faces.arrays(), "images": draw_dots(faces.keypoints[shown, shown])})
    augmented, _ = augment(
        with_dots, only(flip=True, rotations=[12, -12], shifts=[(-12, 12)], border="black")
    )
    copies = augmented.select(augmented.augmented)
    mirrored = np.arange(len(copies)) < 15
    point = np.where(mirrored, np.array(SWAP_INDEX)[copies.group], copies.group)
    under = copies.keypoints[np.arange(len(copies)), point]
    well_inside = ((under > 8) & (under < 88)).all(axis=1)
    found = find_dots(copies.images)
    assert well_inside.sum() >= 45
    assert np.linalg.norm(found - under, axis=1)[well_inside].max() < 0.05


def test_flip_mirrors_image_and_swaps_keypoint_names(make_faces):
    faces = make_faces(4)
    augmented, _ = augment(faces, only(flip=True))
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
        again = augment(again, only(flip=True, of="all"))[0].select(slice(5, None))
    np.testing.assert_array_equal(again.images, faces.images)
    np.testing.assert_array_equal(again.labelled, faces.labelled)
    np.testing.assert_allclose(again.keypoints, faces.keypoints, atol=1e-5)


def test_flip_swaps_missing_labels(make_faces):
    faces = make_faces(2)
    outer = KEYPOINTS.index("left_eye_outer_corner")
    faces.labelled[1, outer] = False
    faces.keypoints[1, outer] = np.nan
    copies = augment(faces, only(flip=True, of="all"))[0].select(slice(2, None))
    partner = KEYPOINTS.index("right_eye_outer_corner")
    assert np.flatnonzero(~copies.labelled[1]).tolist() == [partner]
    assert np.isnan(copies.keypoints[1, partner]).all()
    assert np.isfinite(copies.keypoints[1, outer]).all()


def test_brightness_and_noise_change_images_only(make_faces):
    faces = make_faces(40)
    augmented, _ = augment(faces, only(brightness=[1.5, 0.8], noise=[0.1]))
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
def test_shift_drops_copies_with_a_keypoint_on_or_beyond_the_border(make_faces, edge, kept):
    faces = make_faces(3)
    faces.keypoints[1, 7] = edge
    faces.population[:] = [0, 0, 1]
    augmented, summary = augment(faces, only(shifts=[(-12, -12)]))
    assert summary.by_step == {"original": 3, "shift -12,-12": 2 + kept}
    assert augmented.group.tolist() == [0, 1, 2, *([0, 1, 2] if kept else [0, 2])]
    assert augmented.population.tolist() == [0, 0, 1, *([0, 0, 1] if kept else [0, 1])]
    assert summary.samples == len(augmented) == 5 + kept


def test_border_fills_uncovered_pixels(make_faces):
    faces = make_faces(2)
    black, edge = (
        augment(faces, only(shifts=[(12, 0)], border=border))[0].images[2:]
        for border in ("black", "replicate")
    )
    assert not black[:, :, :12].any()
    np.testing.assert_array_equal(edge[:, :, :12], np.repeat(faces.images[:, :, :1], 12, axis=2))
    for images in (black, edge):
        np.testing.assert_array_equal(images[:, :, 12:], faces.images[:, :, :-12])


def test_shift_moves_images_and_keypoints_in_the_same_direction(make_faces):
    faces = make_faces(3)
    for x, y in ((-5, 0), (5, 0), (0, 5), (0, -5)):
        copies = augment(faces, only(shifts=[(x, y)], border="black"))[0].select(slice(3, None))
        np.testing.assert_allclose(copies.keypoints, faces.keypoints + np.array([x, y]), atol=1e-4)
        inside = np.s_[:, 10:-10, 10:-10]
        moved = np.roll(faces.images, (y, x), (1, 2))
        np.testing.assert_array_equal(copies.images[inside], moved[inside])


def test_copies_keep_group_population_and_labels(make_faces):
    faces = make_faces(7, of_b=3, seed=2)
    faces.group[:] = [10, 11, 12, 12, 14, 15, 16]
    augmented, summary = augment(faces, section(AugmentParameters, of="all"))
    np.testing.assert_array_equal(augmented.keypoints[:7], faces.keypoints)
    np.testing.assert_array_equal(augmented.images[:7], faces.images)
    steps = np.repeat(list(summary.by_step), list(summary.by_step.values()))
    assert len(steps) == len(augmented)
    assert (augmented.augmented == (steps != "original")).all()
    population_of = dict(zip(faces.group, faces.population, strict=True))
    assert [population_of[s] for s in augmented.group] == augmented.population.tolist()
    np.testing.assert_array_equal(np.isfinite(augmented.keypoints).all(axis=2), augmented.labelled)
    for step in set(steps) - {"original"}:
        copies = augmented.select(steps == step)
        if step.startswith("shift"):
            continue
        assert copies.group.tolist() == faces.group.tolist()
        labelled = faces.labelled[:, SWAP_INDEX] if step == "flip" else faces.labelled
        np.testing.assert_array_equal(copies.labelled, labelled)


def test_filled_labels_stay_unlabelled_in_copies(make_faces):
    faces = make_faces(4, of_b=2)
    filled = FaceSet(**{**faces.arrays(), "keypoints": np.nan_to_num(faces.keypoints, nan=50)})
    complete, _ = augment(filled, only(rotations=[12]))
    assert complete.group.tolist() == [0, 1, 2, 3, 0, 1]
    everyone, _ = augment(filled, only(rotations=[12], of="all"))
    np.testing.assert_array_equal(everyone.labelled[4:], faces.labelled)


def test_augment_of_none_adds_nothing(make_faces):
    augmented, summary = augment(make_faces(3, of_b=3), section(AugmentParameters, of="none"))
    assert summary == AugmentationSummary(3, {"original": 3})
    assert not augmented.augmented.any()


def test_raises_input_error_without_complete_face(make_faces):
    with pytest.raises(InputError, match=r"augment\.of=complete finds no face"):
        augment(make_faces(3, of_b=3), section(AugmentParameters))


def test_noise_is_reproducible_and_depends_on_seed(make_faces):
    faces = make_faces(6)
    first, again, other = (
        augment(faces, section(AugmentParameters, seed=seed))[0] for seed in (1, 1, 2)
    )
    for name, array in first.arrays().items():
        np.testing.assert_array_equal(getattr(again, name), array)
    differs = (first.images != other.images).any(axis=(1, 2))
    assert differs.tolist() == [False] * (len(first) - 6) + [True] * 6


def test_result_does_not_depend_on_number_of_cores(make_faces, monkeypatch):
    faces = make_faces(520)  # more than two chunks
    faces.images[:] = 128
    parameters = only(flip=True, noise=[0.1])
    results = []
    for cores in (1, 2, 7):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        results.append(augment(faces, parameters)[0].images)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
    noisy = results[0][1040:]
    assert (noisy[0] != noisy[256]).any(), "two chunks have the same noise"


def test_raises_the_error_of_a_failing_transform(make_faces, monkeypatch):
    def broken(*_, **__):
        raise cv2.error("warp")

    monkeypatch.setattr(cv2, "warpAffine", broken)
    with pytest.raises(cv2.error, match="warp"):
        augment(make_faces(3), only(rotations=[5]))


def test_default_recipe_gives_the_papers_counts(make_faces):
    """Of 60 complete rows in 200: flips, two rotations, two brightnesses, noise, and the four
    diagonal shifts that keep all keypoints inside.
    """
    faces = make_faces(200, of_b=140)
    generator = np.random.default_rng(0)
    faces.keypoints[:60] = generator.uniform(8, 88, (60, 1, 1)) + generator.uniform(
        -4, 4, (60, 15, 2)
    )
    augmented, summary = augment(faces, section(AugmentParameters))
    points = faces.keypoints[:60].astype(np.float64)
    shifts = {}
    for x in (-12, 12):
        for y in (-12, 12):
            moved = points + np.array([x, y])
            inside = ((moved > 0) & (moved < 96)).all(axis=(1, 2))
            shifts[f"shift {x:+d},{y:+d}"] = int(inside.sum())
    assert summary.by_step == {
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
    assert len(augmented) == summary.samples == 200 + 6 * 60 + sum(shifts.values())


def test_repeated_step_makes_its_own_copies(make_faces):
    augmented, summary = augment(make_faces(3), only(noise=[0.1, 0.1]))
    assert summary.by_step == {"original": 3, "noise 0.1": 3, "noise 0.1 #2": 3}
    assert (augmented.images[3:6] != augmented.images[6:]).any()
