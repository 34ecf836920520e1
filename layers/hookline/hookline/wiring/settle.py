"""What `settle` is put together from."""

import os
from collections.abc import Mapping
from typing import Any

from hookline.aws import client
from hookline.errors import JournalUnavailableError
from hookline.open_commands import OpenCommands
from hookline.sending import SendingProvider
from hookline.settle import Settler, Side
from hookline.telemetry import Telemetry
from hookline.wiring.send import Context, accounts, caller

MARGIN_SECONDS = 2.0
"""What is left of an invocation for its answer."""


def settler(*providers: SendingProvider) -> Settler:
    """Build what settles providers' commands from what the template puts into the environment."""
    telemetry = Telemetry("settle")
    sides = {each.name: Side(each, accounts(each), caller(each, telemetry)) for each in providers}
    open_commands = OpenCommands(client("dynamodb"), os.environ["JOURNAL_TABLE"])
    return Settler(sides, open_commands, telemetry, float(os.environ["OVERDUE_SECONDS"]))


def handle(settler: Settler, event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Do what an event asks for.

    `{"Records": […]}` are callbacks from the queue. `{"command_id": …}` asks about one command; with `as`, `who` and
    `why` it decides on it. Anything else is a tick of the schedule; with `account` it is about that one, and at once.
    """
    seconds = context.get_remaining_time_in_millis() / 1000 - MARGIN_SECONDS
    if "Records" in event:
        return dict(settler.take_words(event["Records"], seconds))
    try:
        if "command_id" not in event:
            named = event.get("account")
            account = named if isinstance(named, str) and "detail-type" not in event else None
            return dict(settler.run(seconds, account, at_once=account is not None))
        if "as" not in event:
            return settler.settle_one(str(event["command_id"]), seconds)
        texts = (str(event.get(name, "")) for name in ("command_id", "as", "who", "why"))
        return settler.decide(*texts)
    except JournalUnavailableError as error:
        return {"state": "waiting", "why": str(error)}
