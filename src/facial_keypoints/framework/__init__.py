"""What Kedro asks for: run command, configuration, datasets, hooks, runner."""

from facial_keypoints.framework.ray_runner import RayRunner

__all__ = ["RayRunner"]
