"""Publishes the journal's new entries as events. Wiring only: the work is in `hookline.publish`."""

from typing import Any

from hookline.providers.zoom_connect import normalise as zoom_connect
from hookline.providers.zorya import normalise as zorya
from hookline.wiring.publish import publisher

publish = publisher(zoom_connect.CALLBACKS, zorya.CALLBACKS)


def handler(batch: dict[str, Any], _context: object) -> dict[str, Any]:
    """Publish a batch of the journal's stream, or of entries named by their keys; answers with partial failures."""
    return publish(batch)
