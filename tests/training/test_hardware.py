import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from facial_keypoints.training import hardware
from facial_keypoints.training.hardware import available_memory, peak_memory, use_onednn


@pytest.mark.parametrize(("given", "expected"), [(None, "1"), ("0", "0")])
def test_onednn_is_used_unless_the_environment_turns_it_off(monkeypatch, given, expected):
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    if given is not None:
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", given)
    use_onednn()
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == expected


def test_peak_memory_grows_by_allocated_memory():
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


@pytest.mark.parametrize(
    ("limit", "available"),
    [("max", 2**40), (str(4 * 2**30), 4 * 2**30 - 2**29), (None, 2**40)],
)
def test_memory_is_within_the_limit_of_a_container(monkeypatch, tmp_path, limit, available):
    file = tmp_path / "memory.max"
    if limit is not None:
        file.write_text(limit)
    monkeypatch.setattr(hardware, "_MEMORY_LIMIT", file)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2**40))
    monkeypatch.setattr(psutil.Process, "memory_info", lambda _: SimpleNamespace(rss=2**29))
    assert available_memory() == available
