"""What the examples answer to a wrong call; tests/sessions/test_export.py runs them on a model."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    ("name", "runtime"), [("run_onnx.py", "onnxruntime"), ("run_litert.py", "ai_edge_litert")]
)
def test_missing_picture_is_reported_in_one_line(name, runtime, tmp_path):
    if importlib.util.find_spec(runtime) is None:
        pytest.skip(f"{runtime} is not installed")
    command = [sys.executable, EXAMPLES / name, EXAMPLES / name, "face.png"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "face.png: file not found\n")
