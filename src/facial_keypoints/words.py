"""Figures in words."""


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
