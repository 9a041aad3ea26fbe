"""Kedro's project settings."""

import os
import warnings

from facial_keypoints.training.environment import use_tensorflow
from facial_keypoints.training.hardware import use_onednn
from facial_keypoints.training.start_messages import hide_start_messages

# before TensorFlow is imported: its start-up messages do not help users
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
hide_start_messages()
use_onednn()
use_tensorflow()
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# the datasets of a variant have its namespace in their names, as Kedro's own namespaces have
warnings.filterwarnings("ignore", message="One or more dataset names contain")

from facial_keypoints.framework.checks import CheckHooks  # noqa: E402
from facial_keypoints.framework.config_loader import (  # noqa: E402
    LOADER_ARGUMENTS,
    CheckedConfigLoader,
)
from facial_keypoints.framework.console import keep_log_files  # noqa: E402
from facial_keypoints.framework.progress import ProgressHooks, SummaryHooks  # noqa: E402
from facial_keypoints.framework.run_lock import RunLockHooks  # noqa: E402
from facial_keypoints.tracking import DeferredTrackingHooks  # noqa: E402

keep_log_files()
_tracking = DeferredTrackingHooks()
HOOKS = (CheckHooks(), ProgressHooks(), _tracking, SummaryHooks(), RunLockHooks(_tracking))
# the plugin, where it is installed, expects another mlflow.yml
DISABLE_HOOKS_FOR_PLUGINS = ("kedro_mlflow", "kedro-mlflow")

CONFIG_LOADER_CLASS = CheckedConfigLoader
CONFIG_LOADER_ARGS = LOADER_ARGUMENTS
