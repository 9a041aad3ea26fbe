import pytest
from parameters import section

from facial_keypoints.errors import InputError
from facial_keypoints.parameters import TrainParameters, VariantParameters
from facial_keypoints.training.records import (
    Training,
    bare_code,
    check_origin,
    differences,
    fingerprint,
    origin_of,
)

SAMPLES = {"training samples": "a", "validation samples": "b"}


def variant(architecture="conv_stack", settings=None, **train):
    return VariantParameters(
        name="net",
        architecture=architecture,
        settings=settings or {},
        train=section(TrainParameters, **train),
    )


def fingerprint_of(*arguments, samples=None, **options):
    return fingerprint(origin_of(variant(*arguments, **options), samples or SAMPLES))


@pytest.mark.fault("Stale results", "settings, data or code change", "another fingerprint")
def test_a_fingerprint_is_of_settings_training_and_samples():
    plain = fingerprint_of()
    assert len(plain) == 12
    assert plain == fingerprint_of()
    assert plain == fingerprint_of(settings={"convs": 15})  # said or left out, it is the same
    others = [
        fingerprint_of("vgg16"),
        fingerprint_of(settings={"convs": 14}),
        fingerprint_of(seed=1),
        fingerprint_of(epochs=3),
        fingerprint_of(samples={**SAMPLES, "training samples": "c"}),
    ]
    assert len({plain, *others}) == 6


def test_the_name_does_not_matter():
    renamed = variant().model_copy(update={"name": "another"})
    assert origin_of(renamed, SAMPLES) == origin_of(variant(), SAMPLES)


def test_comments_docstrings_and_layout_are_no_code():
    plain = "import os\ndef f(x):\n    return x + 1\n"
    written_up = (
        '"""A module: ü."""\n\nimport os  # for something\n\n\n'
        'def f(x):\n    """Add one.\n\n    At length: ü.\n    """\n\n    return x  +  1  # done\n'
    )
    assert bare_code(written_up) == bare_code(plain)
    assert bare_code(plain.replace("+ 1", "+ 2")) != bare_code(plain)
    assert bare_code('x = "a # b"\n') != bare_code('x = "a # c"\n')
    assert bare_code('x = """a"""\n') == 'x="""a"""'


def test_differences_are_told_by_name():
    before = origin_of(variant(epochs=10), SAMPLES)
    after = origin_of(
        variant(epochs=20, settings={"pools": 4}), {**SAMPLES, "training samples": "c"}
    )
    told = differences(before, after)
    assert told == "settings.pools 5, now 4; train.epochs 10, now 20; other training samples"
    assert differences(before, before) == ""


def test_a_training_of_something_else_is_refused():
    origin = origin_of(variant(epochs=10), SAMPLES)
    training = Training({"fingerprint": fingerprint(origin), "origin": origin}, None, lambda: None)
    check_origin(training, variant(epochs=10), SAMPLES)
    with pytest.raises(InputError, match=r"net was trained from something else \(train\.epochs"):
        check_origin(training, variant(epochs=11), SAMPLES)
