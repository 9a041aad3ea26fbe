"""Networks, losses and the registry of architectures; nothing here knows Kedro or MLflow."""
