"""What `publish` is put together from."""

import os

from hookline.aws import client
from hookline.correlate import Correlator
from hookline.events import CallbackNormaliser
from hookline.publish import Publisher, dead_letter_queue, event_bus, later_queue
from hookline.telemetry import Telemetry

LATER_SECONDS = 15
"""How long an answer that its own callback overtook is waited for."""


def publisher(*normalisers: CallbackNormaliser) -> Publisher:
    """Build the publisher of the journal's entries from what the template puts into the environment."""
    queues = client("sqs")
    correlator = Correlator(client("dynamodb"), os.environ["JOURNAL_TABLE"])
    return Publisher(
        {normaliser.name: normaliser for normaliser in normalisers},
        event_bus(client("events"), os.environ["EVENT_BUS"]),
        dead_letter_queue(queues, os.environ["DEAD_LETTER_QUEUE_URL"]),
        Telemetry("publish"),
        correlator,
        later_queue(queues, os.environ["LATER_QUEUE_URL"], LATER_SECONDS),
        correlator.read_entry,
    )
