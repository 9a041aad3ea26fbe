"""Run the packaged project: ``python -m facial_keypoints --env=demo``.

Outside the project's folder, add ``--conf-source`` with a ``conf`` folder or the archive that
``kedro package`` writes.
"""

import sys
from pathlib import Path
from typing import Any

from kedro.framework.cli.utils import find_run_command
from kedro.framework.project import configure_project


def main(*args: Any, **kwargs: Any) -> Any:
    """Run the ``run`` command of this package.

    Args:
        *args: Command-line arguments; those of the process by default.
        **kwargs: Options of ``click.Command.main``.

    Returns:
        What ``kedro run`` returns.
    """
    package_name = Path(__file__).parent.name
    configure_project(package_name)
    kwargs["standalone_mode"] = not hasattr(sys, "ps1")  # a notebook must not exit
    return find_run_command(package_name)(*args, **kwargs)


if __name__ == "__main__":
    main()
