"""Kaggle's API: sign-in, transfer, submissions."""
