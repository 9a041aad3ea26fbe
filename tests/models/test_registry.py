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
    assert build_model("own", {"width": 0.5}).scaled(7) == 4
    assert build_model("own", {"width": 0.01}).scaled(7) == 1
    with pytest.raises(ValueError, match="width"):
        build_model("own", {"width": 0})
    with pytest.raises(ValueError, match="depth"):
        build_model("own", {"depth": 3})


def test_settings_are_checked_without_tensorflow():
    code = (
        "import sys; from facial_keypoints.models.registry import architectures; "
        "[each.settings() for each in architectures().values()]; "
        "print('tensorflow' in sys.modules, 'keras' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "False"]
