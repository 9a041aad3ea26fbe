"""Format durations, names and values for log lines and error messages."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, Final

_MAX_QUOTED: Final = 40
_MAX_NAMES: Final = 5


def format_duration(seconds: float) -> str:
    """Format a duration for a log line.

    >>> format_duration(40), format_duration(12_000), format_duration(786_000)
    ('40 s', '3 h 20 min', '9.1 days')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    if minutes < 90:
        return f"{minutes:.0f} min"
    hours, rest = divmod(round(minutes), 60)
    if hours < 36:
        return f"{hours} h {rest} min"
    return f"{minutes / 60 / 24:.1f} days"


def format_count(number: int, noun: str) -> str:
    """Format a number with its noun, in the singular or the plural.

    Args:
        number: How many.
        noun: In the singular; its plural ends with s.

    >>> format_count(1, "epoch"), format_count(2_000, "label")
    ('1 epoch', '2,000 labels')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def suggest(name: Any, known: Iterable[str]) -> str:
    """Suggest the known name closest to an unknown one.

    Args:
        name: The unknown name.
        known: All valid names.

    Returns:
        " (did you mean 'x'?)", or an empty string where no name is close.

    >>> suggest("flod", ["fold", "split"])
    " (did you mean 'fold'?)"
    """
    close = get_close_matches(str(name), list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def quote(text: str) -> str:
    """Quote untrusted text: on one line, at most 40 characters of it."""
    return repr(_shorten(text))


def _shorten(text: str) -> str:
    return text if len(text) <= _MAX_QUOTED else text[: _MAX_QUOTED - 3] + "..."


def join_names(names: Sequence[str]) -> str:
    """Join untrusted names on one line: the first five, then the number of the others.

    >>> join_names(["a", "b", "c", "d", "e", "f", "g"])
    'a, b, c, d, e and 2 more'
    """
    others = len(names) - _MAX_NAMES
    more = f" and {others} more" if others > 0 else ""
    return ", ".join(repr(_shorten(name))[1:-1] for name in names[:_MAX_NAMES]) + more
