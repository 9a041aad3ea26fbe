"""Kaggle's API: sign in, download, submit, read scores."""
