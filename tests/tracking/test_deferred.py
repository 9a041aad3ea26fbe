"""The hooks without MLflow's import."""

import subprocess
import sys

from facial_keypoints.tracking.deferred import DeferredTrackingHooks
from facial_keypoints.tracking.hooks import TrackingHooks


def hooks_of(kind):
    """Options of each hook by name."""
    named = {name: getattr(getattr(kind, name), "kedro_impl", None) for name in dir(kind)}
    return {name: options for name, options in named.items() if options}


def test_all_hooks_are_passed_on_in_the_same_order():
    assert hooks_of(DeferredTrackingHooks) == hooks_of(TrackingHooks)


def test_settings_and_pipelines_leave_heavy_packages_out():
    code = (
        "import sys, facial_keypoints.settings, facial_keypoints.pipeline_registry\n"
        "print(*{'mlflow', 'scipy', 'sklearn', 'tensorflow', 'keras', 'ray'} & {*sys.modules})"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert printed.stdout.split() == []
