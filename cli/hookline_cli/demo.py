"""The demonstration: real requests over real HTTP to the whole stack, and what came out of it at the other end."""

import time
import uuid
from typing import Any, NamedTuple

import httpx

from hookline_cli import accounts, commands, settling, subscriber
from hookline_cli.callbacks import SPEAKERS, Callback
from hookline_cli.stack import Stack

ACCOUNT = "demo-za"
ACCOUNTS = {"demo-za": "zoom_connect", "demo-mx": "zorya"}
"""The demonstration's accounts and whose they are."""

EVENT_SECONDS = 30.0
QUIET_SECONDS = 3.0


TOP_UP_SECONDS = 60.0
NUMBER, AMOUNT = "+525512345678", "20.00"
"""Whom the demonstration tops up, and how much: nobody else's."""


class Step(NamedTuple):
    """One thing that the demonstration does.

    Attributes:
        title: what goes in.
        status: what it must be answered: a request an HTTP status, a command what became of it.
        event: the event that must come out: its type, of a command with its status; None where nothing may.
        callback: the request, where it is one.
        message_id: the provider's id that the request's event carries.
    """

    title: str
    status: int | str
    event: str | None
    callback: Callback | None = None
    message_id: str = ""


class Row(NamedTuple):
    """What became of a step.

    Attributes:
        step: what was done.
        answered: what was answered.
        came_out: the events that came of it, as `Step.event` names them.
    """

    step: Step
    answered: int | str
    came_out: list[str]

    @property
    def right(self) -> bool:
        """Whether both are as they should be."""
        return self.answered == self.step.status and self.came_out == ([self.step.event] if self.step.event else [])


UNKNOWN = Step("a Zorya top-up whose answer never comes", "unknown", "top_up.status_updated (unknown)")
AGAIN = Step("the same top-up again", "unknown", None)
SETTLED = Step("what became of it? (settle)", "succeeded", "top_up.status_updated (succeeded)")
CHARGED = Step("how often did Zorya charge it? (its ledger)", "once", None)


def account_of(provider: str) -> str:
    """Name the demonstration's account at a provider."""
    return next(account for account, name in ACCOUNTS.items() if name == provider)


def steps(stack: Stack, now: float) -> list[Step]:
    """Make the demonstration's steps, its requests signed now."""
    documents = {account: accounts.read(stack, account) for account in ACCOUNTS}

    def signed(provider: str, kind: str, *, tamper: bool = False, expired: bool = False) -> tuple[Callback, str]:
        speaker, account = SPEAKERS[provider], account_of(provider)
        fields = speaker.fields(kind)
        document = documents[account]
        made = speaker.make(account, document, kind, fields, now=now, tamper=tamper, expired=expired)
        return made, str(fields[speaker.identity])

    def taken(title: str, event: str, made: tuple[Callback, str]) -> Step:
        return Step(title, 200, event, *made)

    def repeated(title: str, callback: Callback) -> Step:
        return Step(title, 200, None, callback)

    def refused(title: str, made: tuple[Callback, str]) -> Step:
        return Step(title, 401, None, *made)

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
        UNKNOWN,
        AGAIN,
        SETTLED,
        CHARGED,
    ]


def run(stack: Stack) -> list[Row]:
    """Do every step, read what came out, and compare. The demonstration's accounts must be there."""
    planned = [(step, step.callback) for step in steps(stack, time.time())]
    requests = [(step, callback) for step, callback in planned if callback is not None]
    return [*_send_requests(stack, requests), *_top_up(stack)]


def _send_requests(stack: Stack, requests: list[tuple[Step, Callback]]) -> list[Row]:
    answers = [callback.send(stack).status_code for _, callback in requests]
    wanted = {step.message_id for step, _ in requests if step.event}
    events = subscriber.collect(stack, lambda got: wanted <= {_message_id(event) for event in got}, EVENT_SECONDS)
    events += subscriber.collect(stack, lambda _: False, QUIET_SECONDS)  # what must not come has its chance to
    return [
        Row(step, answered, [event["metadata"]["type"] for event in events if _is_of(step, event)])
        for (step, _), answered in zip(requests, answers, strict=True)
    ]


def _top_up(stack: Stack) -> list[Row]:
    """Do a top-up whose answer never comes, and find out what became of it, without doing it again."""
    account = account_of("zorya")
    document = {
        "command": "top_up",
        "id": f"demo/{uuid.uuid4().hex}",
        "account": account,
        "to": NUMBER,
        "amount": AMOUNT,
    }
    stand_in = accounts.read(stack, account)["settings"]["gateway_url"] + "/_simulator"
    charged_before = len(_charges(stand_in))
    # No word of it ever comes: neither an answer to the request, nor a callback later. A second one would be answered.
    silent = {"modes": "timeout_after,no_callback", "times": 1}
    httpx.put(f"{stand_in}/numbers/{NUMBER[1:]}", json=silent, trust_env=False).raise_for_status()

    def events(enough: int) -> list[str]:
        def own(got: list[subscriber.Event]) -> list[subscriber.Event]:
            return [event for event in got if (event["metadata"]["correlation"] or {}).get("command_id") == of_command]

        of_command = document["id"]
        got = subscriber.collect(stack, lambda got: len(own(got)) >= enough, EVENT_SECONDS) if enough else []
        got += subscriber.collect(stack, lambda _: False, QUIET_SECONDS)
        return [f"{event['metadata']['type']} ({event['data']['status']})" for event in own(got)]

    outlet = commands.submit(stack, document)
    state = commands.follow(stack, outlet, document["id"], TOP_UP_SECONDS)["state"]
    rows = [Row(UNKNOWN, state, events(1))]
    rows.append(Row(AGAIN, commands.invoke(stack, document)["state"], events(0)))
    rows.append(Row(SETTLED, settling.ask_one(stack, document["id"])["state"], events(1)))
    charges = len(_charges(stand_in)) - charged_before
    return [*rows, Row(CHARGED, "once" if charges == 1 else f"{charges} times", [])]


def _charges(stand_in: str) -> list[dict[str, Any]]:
    """Return what the stand-in's ledger says of the number: money that was spent."""
    answer = httpx.get(f"{stand_in}/ledger", trust_env=False).raise_for_status()
    return [row for row in answer.json()["rows"] if row["kind"] == "top_up" and row["msisdn"] == NUMBER[1:]]


def _is_of(step: Step, event: subscriber.Event) -> bool:
    return bool(step.message_id) and _message_id(event) == step.message_id


def _message_id(event: subscriber.Event) -> str:
    return str(event["data"].get("message_id") or event["data"].get("transaction_id"))
