"""Compare the trained variants with the paper's tables and conclusions."""
