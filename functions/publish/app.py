"""Publishes the journal's new entries as events. Wiring only: the work is in `hookline.publish`."""

import os
from typing import Any

from hookline.aws import client
from hookline.providers.zoom_connect import normalise as zoom_connect
from hookline.publish import Publisher, dead_letter_queue, event_bus
from hookline.telemetry import Telemetry

publisher = Publisher(
    {normaliser.name: normaliser for normaliser in (zoom_connect.CALLBACKS,)},
    event_bus(client("events"), os.environ["EVENT_BUS"]),
    dead_letter_queue(client("sqs"), os.environ["DEAD_LETTER_QUEUE_URL"]),
    Telemetry("publish"),
)


def handler(batch: dict[str, Any], _context: object) -> dict[str, Any]:
    """Publish a batch of the journal's stream; answers with partial batch failures."""
    return publisher(batch)
