import doctest
import importlib
from pathlib import Path

import pytest

import facial_keypoints

PACKAGE = Path(facial_keypoints.__file__).parent
WITH_EXAMPLES = sorted(
    ".".join(("facial_keypoints", *path.relative_to(PACKAGE).with_suffix("").parts))
    for path in PACKAGE.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_in_docstrings_run(name):
    module = importlib.import_module(name.removesuffix(".__init__"))
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted
    assert not result.failed
