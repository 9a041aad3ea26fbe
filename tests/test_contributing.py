"""The examples of CONTRIBUTING.md work as they stand."""

import re
import textwrap
from pathlib import Path

import numpy as np
import pytest
import yaml
from parameters import raw_parameters

from facial_keypoints.models import registry
from facial_keypoints.parameters.checks import check_parameters

pytestmark = pytest.mark.training

PAGE = Path(__file__).parents[1] / "CONTRIBUTING.md"


def examples(language):
    """Return the page's code blocks of a language."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", PAGE.read_text(), re.M | re.S)
    return [textwrap.dedent(code) for _, code in found]


def test_example_architecture_variant_and_test(monkeypatch):
    pytest.importorskip("keras")
    monkeypatch.setattr(registry, "_ARCHITECTURES", dict(registry.architectures()))
    architecture, test = (code for code in examples("python") if "mlp" in code)
    names = {"build_model": registry.build_model, "__name__": "example"}
    exec(architecture, names)  # noqa: S102 - our own page
    exec(test, names)  # noqa: S102
    for name in [name for name in names if name.startswith("test_")]:
        names[name]()
    model = registry.build_model("mlp", {"width": 0.1})
    assert model(np.zeros((1, 96, 96), np.uint8)).shape == (1, 30)
    for code in (code for code in examples("yaml") if "variants:" in code):
        check_parameters(raw_parameters(**yaml.safe_load(code)))
