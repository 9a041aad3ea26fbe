"""Compete: the best score that the hours at hand can buy, and what it is likely to be.

Nothing is imported here, unlike in other stages: the processes that train need a part of this
stage alone, and start seconds sooner without Kedro and MLflow.
"""

from typing import Final

ENSEMBLE: Final = "ensemble"
"""Name under which the nets together stand beside the variants of the study."""
