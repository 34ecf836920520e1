"""What functions say of their work: one line of JSON a callback or batch, which is its metrics too (EMF).

A line never holds a secret, a token, a message text or a whole number. What goes in here is names of ours, reasons
and counts; whoever adds a field adds it to the redaction test's mind too.
"""

import os
from threading import Lock

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

NAMESPACE = "Hookline"


class Telemetry:
    """Counts what happens, one EMF line each, readable as a log line.

    Args:
        function: the function's name of ours, for example `receive_zoom_connect`.
    """

    def __init__(self, function: str) -> None:
        self._function = function
        self._lock = Lock()  # a line is put together in steps
        self._metrics = EphemeralMetrics(namespace=NAMESPACE, service=function)

    def count(
        self, name: str, amount: float = 1, *, dimensions: dict[str, str] | None = None, **fields: str | float | None
    ) -> None:
        """Write one line with one metric.

        Args:
            name: the metric, a plural noun: `callbacks`, `events`.
            amount: how many.
            dimensions: what the metric is split by: values from short lists of ours only.
            fields: the rest of the line: names, reasons, counts. None is left out.
        """
        with self._lock:
            self._write(name, amount, dimensions or {}, fields)

    def _write(
        self, name: str, amount: float, dimensions: dict[str, str], fields: dict[str, str | float | None]
    ) -> None:
        metrics = self._metrics
        for dimension, of in dimensions.items():
            metrics.add_dimension(dimension, of)
        metrics.add_metric(name, MetricUnit.Count, amount)
        for key, value in fields.items():
            if value is not None:
                metrics.add_metadata(key, value)
        metrics.add_metadata("trace_id", os.environ.get("_X_AMZN_TRACE_ID", ""))
        metrics.flush_metrics()
