import numpy as np
import pytest
from parameters import section

from facial_keypoints.parameters import TrainParameters, VariantParameters
from facial_keypoints.training.fingerprints import (
    bare_code,
    differences,
    fingerprint,
    origin_of,
    samples_origin,
)

SAMPLES = {"training_samples": "a", "validation_samples": "b"}


def variant(architecture="conv_stack", settings=None, **train):
    return VariantParameters(
        name="small",
        architecture=architecture,
        settings=settings or {},
        train=section(TrainParameters, **train),
    )


def fingerprint_of(*arguments, samples=None, **options):
    return fingerprint(origin_of(variant(*arguments, **options), samples or SAMPLES))


@pytest.mark.fault("Stale results", "settings, data or code change", "another fingerprint")
def test_fingerprint_is_of_settings_training_and_samples():
    plain = fingerprint_of()
    assert len(plain) == 12
    assert plain == fingerprint_of()
    assert plain == fingerprint_of(settings={"convs": 15})  # the default, given or left out
    others = [
        fingerprint_of("vgg16"),
        fingerprint_of(settings={"convs": 14}),
        fingerprint_of(seed=1),
        fingerprint_of(epochs=3),
        fingerprint_of(samples={**SAMPLES, "training_samples": "c"}),
    ]
    assert len({plain, *others}) == 6


def test_name_does_not_matter():
    renamed = variant().model_copy(update={"name": "another"})
    assert origin_of(renamed, SAMPLES) == origin_of(variant(), SAMPLES)


def test_samples_differ_by_one_label(make_faces):
    faces, others = make_faces(4), make_faces(4)
    others.keypoints[2, 3, 1] += 1
    assert samples_origin(faces, faces) == samples_origin(make_faces(4), faces)
    changed = samples_origin(others, faces)
    assert changed["training_samples"] != samples_origin(faces, faces)["training_samples"]
    assert np.isfinite(others.keypoints).all()


def test_comments_docstrings_and_layout_are_no_code():
    plain = "import os\ndef f(x):\n    return x + 1\n"
    commented = (
        '"""A module: ü."""\n\nimport os  # for something\n\n\n'
        'def f(x):\n    """Add one.\n\n    At length: ü.\n    """\n\n    return x  +  1  # done\n'
    )
    assert bare_code(commented) == bare_code(plain)
    assert bare_code(plain.replace("+ 1", "+ 2")) != bare_code(plain)
    assert bare_code('x = "a # b"\n') != bare_code('x = "a # c"\n')
    assert bare_code('x = """a"""\n') == 'x="""a"""'


def test_differences_name_each_field():
    before = origin_of(variant(epochs=10), SAMPLES)
    after = origin_of(
        variant(epochs=20, settings={"pools": 4}), {**SAMPLES, "training_samples": "c"}
    )
    described = differences(before, after)
    assert described == "settings.pools 5, now 4; train.epochs 10, now 20; other training samples"
    assert differences(before, before) == ""
