"""Figures: face grids, curves, tables."""
