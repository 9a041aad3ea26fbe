import os
import subprocess
import sys
from pathlib import Path

import pytest

from facial_keypoints.training import start_messages

MESSAGES = r"""
import os
os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written to "
    b"STDERR\n"
    b"I0000 00:00:1 1 port.cc:153] oneDNN custom operations are on. You may see other numbers.\n"
    b"E0000 00:00:1 1 cuda.cc:1] no GPU is found\n")
"""
SOURCE = Path(start_messages.__file__).parents[2]


def import_tensorflow(folder, code, then="pass"):
    """Import a module ``tensorflow`` that runs ``code`` after its messages, in a new process."""
    (folder / "tensorflow.py").write_text(MESSAGES + code)
    program = (
        "from facial_keypoints.training.start_messages import hide_start_messages as hide\n"
        f"hide(); hide()\nimport tensorflow\n{then}"
    )
    paths = os.pathsep.join([str(folder), str(SOURCE)])
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )


def test_messages_of_the_start_are_hidden_and_others_are_not(tmp_path):
    ran = import_tensorflow(tmp_path, "", "import os; os.write(2, b'oneDNN is on')")
    assert ran.stderr == "E0000 00:00:1 1 cuda.cc:1] no GPU is found\noneDNN is on"
    assert ran.returncode == 0


@pytest.mark.parametrize(
    ("code", "last"),
    [
        ("os.write(2, b'F0000 no AVX\\n'); os.abort()", "F0000 no AVX"),
        ("raise ImportError('libcuda.so is missing')", "ImportError: libcuda.so is missing"),
    ],
)
def test_errors_of_the_import_are_shown(tmp_path, code, last):
    ran = import_tensorflow(tmp_path, code)
    assert ran.returncode != 0
    assert ran.stderr.startswith("E0000")
    assert ran.stderr.rstrip().endswith(last)


def test_import_works_without_stderr(tmp_path):
    (tmp_path / "tensorflow.py").write_text("")
    program = (
        "import os; os.close(2)\n"
        "from facial_keypoints.training.start_messages import hide_start_messages as hide\n"
        "hide()\nimport tensorflow\nprint('imported')"
    )
    paths = os.pathsep.join([str(tmp_path), str(SOURCE)])
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert ran.stdout == "imported\n"
