import pytest

from facial_keypoints.formatting import format_duration, join_names, quote, suggest


@pytest.mark.parametrize(
    ("seconds", "formatted"),
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
def test_format_duration(seconds, formatted):
    assert format_duration(seconds) == formatted


def test_suggest_names_the_closest_known_name():
    assert suggest("pich", ["patience", "pitch"]) == " (did you mean 'pitch'?)"
    assert suggest(7, ["patience"]) == ""


def test_quote_shortens_and_escapes_untrusted_text():
    assert quote("a\nb") == "'a\\nb'"
    assert quote("x" * 40) == repr("x" * 40)
    assert quote("x" * 41) == repr("x" * 37 + "...")


def test_join_names_escapes_names_and_counts_the_others():
    assert join_names([]) == ""
    assert join_names(["a\n", "b"]) == "a\\n, b"
    assert join_names(list("abcdefg")) == "a, b, c, d, e and 2 more"
    assert join_names(["a" * 40, "b" * 41]) == f"{'a' * 40}, {'b' * 37}..."
