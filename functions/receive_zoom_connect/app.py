"""Receives Zoom Connect's replies and delivery reports. Wiring only: the work is in `hookline.receive`."""

from typing import Any

from hookline.providers.zoom_connect.verify import CALLBACKS
from hookline.wiring.receive import receiver

receive = receiver(CALLBACKS)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer an HTTP API event, payload format 2.0."""
    return receive(event)
