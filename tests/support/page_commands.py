"""The commands of the documentation."""

import re
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PAGES = [
    *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "benchmarks/README.md")),
    *sorted((PROJECT / "docs").rglob("*.md")),
]


def commands() -> dict[str, str]:
    """Return each command of the pages, and the page that has it first.

    A command is a line of a block ``sh``, without its comment, or follows the ! of a notebook's
    cell; lines that continue on the next one are one command.
    """
    found: dict[str, str] = {}
    for page in PAGES:
        for line in _lines(page.read_text("utf-8")):
            command = re.sub(r"(^|\s)#.*", "", line).strip()
            if command:
                found.setdefault(command, str(page.relative_to(PROJECT)))
    return found


def _lines(page: str) -> Iterator[str]:
    for _, block in re.findall(r"^( *)```sh\n(.*?)^\1```", page, re.M | re.S):
        joined = re.sub(r"\\\n\s*", "", re.sub(r"\|\n\s*", "| ", block))
        yield from joined.splitlines()
    yield from re.findall(r"^ *!(?!\[)(.*)$", page, re.M)
