import pytest

from facial_keypoints.formatting import duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (40, "40 s"),
        (89, "89 s"),
        (90, "2 min"),
        (12 * 60 + 10, "12 min"),
        (89 * 60, "89 min"),
        (90 * 60, "1 h 30 min"),
        (3 * 3600 + 20 * 60, "3 h 20 min"),
        (3 * 3600 - 10, "3 h 0 min"),
        (35 * 3600 + 59 * 60, "35 h 59 min"),
        (36 * 3600, "1.5 days"),
        (9.1 * 86400, "9.1 days"),
    ],
)
def test_duration_reads_as_a_person_would_say_it(seconds, words):
    assert duration(seconds) == words
