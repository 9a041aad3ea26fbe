"""Words for messages."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any


def duration(seconds: float) -> str:
    """``seconds`` as a person would say it: "40 s", "12 min", "3 h 20 min", "9.1 days"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    if minutes < 90:
        return f"{minutes:.0f} min"
    hours, rest = divmod(round(minutes), 60)
    if hours < 36:
        return f"{hours} h {rest} min"
    return f"{minutes / 60 / 24:.1f} days"


def did_you_mean(name: Any, known: Iterable[str]) -> str:
    """A guess at what was meant by an unknown name, in brackets; empty where there is none."""
    close = get_close_matches(str(name), list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def quoted(text: str) -> str:
    """``text`` from outside in quotes, on one line and no longer than 40 characters."""
    return repr(text if len(text) <= 40 else text[:37] + "...")


def join_names(names: Sequence[str]) -> str:
    """The first five of names from outside, on one line."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(repr(name[:40])[1:-1] for name in names[:5]) + more
