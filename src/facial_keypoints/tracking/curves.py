"""Metrics of training steps, from log records to MLflow."""

import logging
from collections.abc import Callable, Mapping


class MetricsHandler(logging.Handler):
    """Forward the metrics of log records.

    Training code knows nothing of MLflow: it logs the metrics of a step with its message.

    Args:
        send: Gets the variant, the step (from 0) and the metrics of a record.

    Example:
        >>> handler = MetricsHandler(lambda *step: print(*step))
        >>> logger = logging.getLogger("example")
        >>> logger.addHandler(handler)
        >>> logger.warning(
        ...     "epoch 3", extra={"metrics": {"loss": 2.5}, "step": 2, "variant": "5cl-3mpl"}
        ... )
        5cl-3mpl 2 {'loss': 2.5}
        >>> logger.removeHandler(handler)
    """

    def __init__(self, send: Callable[[str, int, Mapping[str, float]], None]) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        """Forward the record's ``variant``, ``step`` and ``metrics``, where it has metrics."""
        fields = vars(record)
        if "metrics" in fields:
            self._send(fields["variant"], fields["step"], fields["metrics"])
