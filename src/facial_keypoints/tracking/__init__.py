"""MLflow: one parent run per ``kedro run``, one child run per variant.

Nothing else in the project calls MLflow. The hooks create the runs before the first node, record
what the nodes return, and end every run, however the session ends. A session that has started
never ends because of MLflow (see ``delivery``). Nodes get the runs' ids as the ``session`` dataset;
training code reports its curves by logging (see ``curves``).
"""

from facial_keypoints.tracking.deferred import DeferredTrackingHooks

__all__ = ["DeferredTrackingHooks"]
