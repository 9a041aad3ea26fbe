"""What Kedro asks for: run command, configuration, datasets, hooks."""
