"""Plot face grids, learning curves, metrics and the study's figures."""
