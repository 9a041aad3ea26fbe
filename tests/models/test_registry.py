import subprocess
import sys
from pathlib import Path

import pytest

from facial_keypoints.models import registry
from facial_keypoints.models.registry import (
    Settings,
    architecture_named,
    architectures,
    build_model,
    register_architecture,
)


def test_every_module_of_the_package_is_registered():
    modules = Path(registry.__file__).with_name("architectures").glob("[!_]*.py")
    assert {module.stem for module in modules} <= set(architectures())
    assert all(issubclass(each.settings, Settings) for each in architectures().values())


def test_unknown_architecture_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown architecture 'vgg'.*'vgg16'.*: alexnet, "):
        architecture_named("vgg")


def test_name_cannot_be_registered_twice():
    architectures()
    with pytest.raises(ValueError, match="'vgg16' is registered twice"):
        register_architecture("vgg16", Settings)(lambda settings: None)


def test_registered_builder_receives_checked_settings(monkeypatch):
    monkeypatch.setattr(registry, "_ARCHITECTURES", dict(architectures()))
    register_architecture("own", Settings)(lambda settings: settings)
    assert build_model("own", {"width": 0.5}).width == 0.5
    with pytest.raises(ValueError, match="width"):
        build_model("own", {"width": 0})
    with pytest.raises(ValueError, match="depth"):
        build_model("own", {"depth": 3})


@pytest.mark.parametrize(
    ("width", "count", "scaled"),
    [(1, 7, 7), (0.5, 64, 32), (0.1, 64, 8), (0.1, 96, 8), (0.01, 64, 4), (0.5, 3, 3), (2, 7, 16)],
)
def test_other_widths_have_filters_in_fours(width, count, scaled):
    assert Settings(width=width).scaled(count) == scaled


def test_settings_are_checked_without_tensorflow():
    code = (
        "import sys; from facial_keypoints.models.registry import architectures; "
        "[each.settings() for each in architectures().values()]; "
        "print('tensorflow' in sys.modules, 'keras' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "False"]
