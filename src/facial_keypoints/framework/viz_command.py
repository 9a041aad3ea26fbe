"""``kedro viz run`` without its request to PyPI for the newest version, which has no setting."""

import os

from kedro_viz.integrations import pypi
from kedro_viz.launchers.cli.run import run

__all__ = ["run"]

pypi.get_latest_version = lambda: None
# a warning of the server's packages among themselves; the server is a separate process
os.environ.setdefault("PYTHONWARNINGS", "ignore:ORJSONResponse is deprecated")
