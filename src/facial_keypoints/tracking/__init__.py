"""MLflow: one parent run per ``kedro run``, one child run per variant.

Nothing else in the project speaks to MLflow. The hooks open a child run for every variant, record
what the nodes return, and see that no run is left as RUNNING, whatever becomes of the session. A
session that has begun never ends because of MLflow (see ``delivery``).
"""

from facial_keypoints.tracking.hooks import (
    TrackingHooks,
    active_run_id,
    close_run,
    end_all_runs,
    epoch_callbacks,
    lacks_the_end,
    record_figures,
    session_run_id,
)
from facial_keypoints.tracking.records import git_commit

__all__ = [
    "TrackingHooks",
    "active_run_id",
    "close_run",
    "end_all_runs",
    "epoch_callbacks",
    "git_commit",
    "lacks_the_end",
    "record_figures",
    "session_run_id",
]
