"""Receives Zoom Connect's replies and delivery reports. Wiring only: the work is in `hookline.receive`."""

import os
import time
from functools import partial
from typing import Any

from hookline.accounts import Accounts, SecretsManagerSource, receiving_account
from hookline.aws import client
from hookline.journal import Journal
from hookline.providers.zoom_connect.verify import CALLBACKS
from hookline.receive import Receiver
from hookline.telemetry import Telemetry

receiver = Receiver(
    CALLBACKS,
    Accounts(
        SecretsManagerSource(partial(client, "secretsmanager"), os.environ["ACCOUNTS_PREFIX"]),
        partial(receiving_account, CALLBACKS),
        time.time,
    ),
    Journal(client("dynamodb"), os.environ["JOURNAL_TABLE"], int(os.environ["RETENTION_SECONDS"])),
    Telemetry("receive_zoom_connect"),
)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer an HTTP API event, payload format 2.0."""
    return receiver(event)
