"""Settles commands of which nobody knows what became of them. Wiring only: the work is in `hookline.settle`."""

from typing import Any

from hookline.providers.zorya.rest import SENDING
from hookline.wiring.send import Context
from hookline.wiring.settle import handle, settler

settle = settler(SENDING)


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Ask the provider about open commands, settle by callbacks, or write down a person's decision."""
    return handle(settle, event, context)
