"""Compete: the best score within a time budget, and an estimate of it."""

from typing import Final

ENSEMBLE: Final = "ensemble"
"""Name of the ensemble beside the variants of the study."""
