"""Training: one trainer for paper variants and ensemble members."""
