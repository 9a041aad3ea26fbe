import pytest

from facial_keypoints.errors import InputError, require_extra


def test_installed_packages_pass():
    require_extra("export", "json", "numpy")


def test_missing_packages_are_named_with_the_command_that_installs_them():
    expected = r'no_such_thing not installed; run: .*pip install -e "\.\[export\]"'
    with pytest.raises(InputError, match=expected):
        require_extra("export", "json", "no_such_thing")
