"""One architecture per file, found by the registry; none imports Keras at module load."""
