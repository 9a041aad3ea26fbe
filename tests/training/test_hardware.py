import os
import subprocess
import sys

import numpy as np
import pytest

from facial_keypoints.training.hardware import peak_memory, use_onednn


@pytest.mark.parametrize(("set_before", "then"), [(None, "1"), ("0", "0")])
def test_onednn_is_used_unless_the_user_says_otherwise(monkeypatch, set_before, then):
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    if set_before is not None:
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", set_before)
    use_onednn()
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == then


def test_the_peak_grows_by_what_is_held():
    before = peak_memory()
    held = np.ones(200 * 2**20, dtype=np.uint8)  # every page is touched
    assert peak_memory() >= before
    assert peak_memory() >= held.nbytes / 2**20
    assert peak_memory() < 2**20  # in MiB, not in bytes


def test_every_kedro_command_uses_onednn():
    code = "import os, facial_keypoints.settings as s; print(os.environ['TF_ENABLE_ONEDNN_OPTS'])"
    others = {k: v for k, v in os.environ.items() if k != "TF_ENABLE_ONEDNN_OPTS"}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=others, capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == ["1"]
