"""Does the commands for Zorya. Wiring only: the work is in `hookline.send`."""

from typing import Any

from hookline.providers.zorya.rest import SENDING
from hookline.wiring.send import Context, handle, sender

send = sender(SENDING)


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Do the commands of an SQS batch, or the one of a direct invocation, whose outcome is the answer."""
    return handle(send, event, context)
