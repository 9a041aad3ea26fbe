from pathlib import Path

import pytest
from fault_table import BEGIN, END, FILES, KNOWN

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"


def test_the_page_lists_the_faults_that_the_tests_provoke(request):
    """The page is written by `make faults`; words of markers that change must change there."""
    tests = Path(__file__).parents[1]
    files = {path for path in tests.rglob("test_*.py") if "mark.fault(" in path.read_text()}
    if not files <= request.config.stash[FILES] | {Path(__file__)}:
        pytest.skip("needs all tests to be collected")
    text = PAGE.read_text()
    table = text[text.index(BEGIN) : text.index(END)]
    listed = {
        tuple(cell.strip() for cell in line.split("|")[1:3])
        for line in table.splitlines()
        if line.startswith("| ") and not line.startswith("| Fault ")
    }
    assert listed == {(what, outcome) for _, what, outcome in request.config.stash[KNOWN]}
