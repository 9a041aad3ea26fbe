"""Kedro's project settings."""

import os
import warnings

from facial_keypoints.training.hardware import use_onednn

# Before TensorFlow is first loaded: its start-up notes are of no use to our users.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
use_onednn()
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# Datasets of a variant's namespace carry a dot, as Kedro's namespaces do; it warns all the same.
warnings.filterwarnings("ignore", message="One or more dataset names contain")

from facial_keypoints.framework.config_loader import (  # noqa: E402
    LOADER_ARGUMENTS,
    CheckedConfigLoader,
)
from facial_keypoints.framework.progress import ProgressHooks, SummaryHooks  # noqa: E402
from facial_keypoints.framework.run_lock import RunLockHooks  # noqa: E402
from facial_keypoints.framework.runners import RunnerHooks  # noqa: E402
from facial_keypoints.tracking import TrackingHooks  # noqa: E402

_tracking = TrackingHooks()
HOOKS = (RunnerHooks(), ProgressHooks(), _tracking, SummaryHooks(), RunLockHooks(_tracking))
# some environments still have the plugin installed; it reads another mlflow.yml
DISABLE_HOOKS_FOR_PLUGINS = ("kedro_mlflow", "kedro-mlflow")

CONFIG_LOADER_CLASS = CheckedConfigLoader
CONFIG_LOADER_ARGS = LOADER_ARGUMENTS
