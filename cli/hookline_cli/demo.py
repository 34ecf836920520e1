"""The demonstration: real requests over real HTTP to the whole stack, and what came out of it at the other end."""

import time
from typing import NamedTuple

from hookline_cli import accounts, subscriber
from hookline_cli.callbacks import SPEAKERS, Callback
from hookline_cli.stack import Stack

ACCOUNT = "demo-za"
ACCOUNTS = {"demo-za": "zoom_connect", "demo-mx": "zorya"}
"""The demonstration's accounts and whose they are."""

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


def account_of(provider: str) -> str:
    """Name the demonstration's account at a provider."""
    return next(account for account, name in ACCOUNTS.items() if name == provider)


def steps(stack: Stack, now: float) -> list[Step]:
    """Make the demonstration's requests, signed now."""
    documents = {account: accounts.read(stack, account) for account in ACCOUNTS}

    def signed(provider: str, kind: str, *, tamper: bool = False, expired: bool = False) -> tuple[Callback, str]:
        speaker, account = SPEAKERS[provider], account_of(provider)
        fields = speaker.fields(kind)
        document = documents[account]
        made = speaker.make(account, document, kind, fields, now=now, tamper=tamper, expired=expired)
        return made, str(fields[speaker.identity])

    def taken(title: str, event: str, made: tuple[Callback, str]) -> Step:
        return Step(title, made[0], 200, event, made[1])

    def repeated(title: str, callback: Callback) -> Step:
        return Step(title, callback, 200, None, "")

    def refused(title: str, made: tuple[Callback, str]) -> Step:
        return Step(title, made[0], 401, None, made[1])

    reply, delivered = signed("zoom_connect", "reply"), signed("zorya", "mt")
    return [
        taken("Zoom Connect reply", "sms.received", reply),
        taken("Zoom Connect delivery report", "sms.status_updated", signed("zoom_connect", "delivery-report")),
        repeated("the same reply again (replay)", reply[0]),
        refused("a reply changed on its way", signed("zoom_connect", "reply", tamper=True)),
        refused("a reply whose nonce-date has passed", signed("zoom_connect", "reply", expired=True)),
        taken("Zorya MO", "sms.received", signed("zorya", "mo")),
        taken("Zorya MT, delivered", "sms.status_updated", delivered),
        taken("Zorya top-up status (pushStatus)", "top_up.status_updated", signed("zorya", "push-status")),
        repeated("the same MT status again (replay)", delivered[0]),
        refused("an MT status changed on its way", signed("zorya", "mt", tamper=True)),
        refused("an MO whose token has expired", signed("zorya", "mo", expired=True)),
    ]


def run(stack: Stack) -> list[Row]:
    """Send every request, read what came out, and compare. The demonstration's accounts must be there."""
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


def _message_id(event: subscriber.Event) -> str:
    return str(event["data"].get("message_id") or event["data"].get("transaction_id"))
