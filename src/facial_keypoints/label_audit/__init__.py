"""Find training labels that are probably wrong."""
