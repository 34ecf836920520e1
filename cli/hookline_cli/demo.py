"""The demonstration: real requests over real HTTP to the whole stack, and what came out of it at the other end."""

import secrets
import time
from typing import NamedTuple

from hookline_cli import accounts, callbacks, subscriber
from hookline_cli.callbacks import Callback
from hookline_cli.stack import Stack

ACCOUNT = "demo-za"
EVENT_SECONDS = 30.0
QUIET_SECONDS = 3.0


class Step(NamedTuple):
    """One request of the demonstration.

    Attributes:
        title: what goes in.
        callback: the request.
        status: the HTTP status that it must be answered with.
        event: the type of the event that must come out; None where nothing may.
        message_id: the provider's id that this event carries.
    """

    title: str
    callback: Callback
    status: int
    event: str | None
    message_id: str


class Row(NamedTuple):
    """What became of a step.

    Attributes:
        step: the request.
        answered: the HTTP status that came.
        came_out: the types of the events that came of it.
        right: whether both are as they should be.
    """

    step: Step
    answered: int
    came_out: list[str]
    right: bool


def seed(stack: Stack) -> None:
    """Add the demonstration's account with a new secret, unless it is there."""
    if ACCOUNT not in accounts.names(stack):
        accounts.add(
            stack, ACCOUNT, {"provider": "zoom_connect", "signing_secrets": [secrets.token_hex(16)], "settings": {}}
        )


def steps(stack: Stack, now: float) -> list[Step]:
    """Make the demonstration's requests, signed now."""
    document = accounts.read(stack, ACCOUNT)

    def zoom(kind: str, *, tamper: bool = False, expired: bool = False) -> tuple[Callback, str]:
        fields = callbacks.sample_fields(kind)
        made = callbacks.zoom_connect_callback(ACCOUNT, document, kind, fields, now=now, tamper=tamper, expired=expired)
        return made, fields["messageId"]

    reply, reply_id = zoom("reply")
    report, report_id = zoom("delivery-report")
    return [
        Step("Zoom Connect reply", reply, 200, "sms.received", reply_id),
        Step("Zoom Connect delivery report", report, 200, "sms.status_updated", report_id),
        Step("the same reply again (replay)", reply, 200, None, ""),
        Step("a reply changed on its way", *_refused(zoom("reply", tamper=True))),
        Step("a reply whose nonce-date has passed", *_refused(zoom("reply", expired=True))),
    ]


def run(stack: Stack) -> list[Row]:
    """Send every request, read what came out, and compare."""
    seed(stack)
    planned = steps(stack, time.time())
    answers = [step.callback.send(stack).status_code for step in planned]
    wanted = {step.message_id for step in planned if step.event}
    events = subscriber.collect(stack, lambda got: wanted <= {_message_id(event) for event in got}, EVENT_SECONDS)
    events += subscriber.collect(stack, lambda _: False, QUIET_SECONDS)  # what must not come has its chance to
    rows = []
    for step, answered in zip(planned, answers, strict=True):
        came_out = [
            event["metadata"]["type"] for event in events if step.message_id and _message_id(event) == step.message_id
        ]
        right = answered == step.status and came_out == ([step.event] if step.event else [])
        rows.append(Row(step, answered, came_out, right))
    return rows


def _refused(made: tuple[Callback, str]) -> tuple[Callback, int, None, str]:
    callback, message_id = made
    return callback, 401, None, message_id


def _message_id(event: subscriber.Event) -> str:
    return str(event["data"].get("message_id"))
