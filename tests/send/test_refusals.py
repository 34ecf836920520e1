"""Commands that are understood and not allowed: refused before any request, with the field and the reason."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from hookline.providers.zoom_connect.rest import SENDING
from tests.cases import Case, table
from tests.samples import ACCOUNT, NOW, NUMBER, TEXT
from tests.send.world import World, send_batch, send_sms

SETTINGS: Mapping[str, Mapping[str, Any]] = {ACCOUNT: {"max_segments": 10}}
ELEVEN_SEGMENTS = "x" * (153 * 10 + 1)
GET_BALANCE = {"command": "get_balance", "id": "order-1", "account": ACCOUNT}


def at(seconds: float) -> str:
    return (datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=seconds)).isoformat()


def world(transport: httpx.BaseTransport | None = None) -> World:
    it = World(SENDING, transport or httpx.MockTransport(_accept), accounts=SETTINGS)
    it.secrets.documents["of-zorya"] = {"provider": "zorya", "credentials": {}, "settings": {}}
    return it


def _accept(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"messageId": "5a757c7b7736b6c1d340a0db", "error": None})


REFUSALS = (
    Case("an unknown account", send_sms(account="nobody"), ("account", "no account of this name")),
    Case("no account's name", send_sms(account="../secret"), ("account", "no account of this name")),
    Case("an account of another provider", send_sms(account="of-zorya"), ("account", "no account of this name")),
    Case("another provider", send_sms(provider="zorya"), ("provider", "zoom_connect's queue")),
    Case(
        "a command of another provider", GET_BALANCE | {"command": "cancel", "command_id": "x"}, ("command", "cancel")
    ),
    Case(
        "a top-up",
        {"command": "top_up", "id": "order-1", "account": ACCOUNT, "to": "+525555501423", "amount": "20"},
        ("command", "top_up"),
    ),
    Case("send_at in the past", send_sms(send_at=at(-1)), ("send_at", "not in the future")),
    Case("send_at now", send_sms(send_at=at(0)), ("send_at", "not in the future")),
    Case("send_at in two years", send_sms(send_at=at(2 * 366 * 86_400)), ("send_at", "a year ahead")),
    Case("an empty text", send_sms(text=""), ("text", "empty")),
    Case("a blank text", send_sms(text=" \n"), ("text", "empty")),
    Case("11 segments where 10 are allowed", send_sms(text=ELEVEN_SEGMENTS), ("text", "11 segments")),
    Case("a number that is none", send_sms(to="+27 82 1"), ("to", "no valid phone number")),
    Case("a number without its country code", send_sms(to="0825550142"), ("to", "no valid phone number")),
    Case("a number in letters", send_sms(to="27FLOWERS"), ("to", "no valid phone number")),
    Case("a flash message", send_sms(flash=True), ("flash", "no flash")),
    Case("a sender", send_sms(sender="ACME"), ("sender", "numbers of its own")),
)


@table("case", REFUSALS)
def test_what_is_not_allowed_is_refused_with_the_field_and_the_reason(
    case: Case[Mapping[str, Any], tuple[str, str]],
) -> None:
    field, reason = case.expected
    it = world()
    it.put(dict(case.given) | {"reference": "ref-1"})
    assert it.poll() == []
    assert (it.sqs.waiting, it.sqs.dead) == ([], []), "a refusal is decided: it is no dead letter"
    assert it.faults.calls.count("http") == 0
    assert it.entries() == {}
    (event,) = it.events()
    assert event["metadata"]["type"] == "command.rejected"
    assert event["metadata"]["correlation"] == {"command_id": "order-1", "reference": "ref-1"}
    data = event["data"]
    assert (data["command_id"], data["command"], data["field"]) == ("order-1", case.given["command"], field)
    assert reason in data["problem"]
    assert not any(marked in json.dumps(event) for marked in (NUMBER, TEXT))
    (line,) = [line for line in it.telemetry.lines if line.get("result") == "rejected"]
    assert line["field"] == field


ALLOWED = (
    Case("send_at in a minute", send_sms(send_at=at(60)), None),
    Case("10 segments", send_sms(text="x" * 153 * 10), None),
    Case("a number without a plus", send_sms(to=NUMBER), None),
    Case("a number as people write it", send_sms(to="+27 (82) 555-0142"), None),
    Case("our provider", send_sms(provider="zoom_connect"), None),
)


@table("case", ALLOWED)
def test_what_is_just_allowed_is_sent(case: Case[Mapping[str, Any], None]) -> None:
    it = world()
    it.put(case.given)
    it.drain()
    assert (it.state("order-1"), it.rejections()) == ("succeeded", [])


def test_a_refused_message_of_a_batch_is_refused_alone() -> None:
    it = world(httpx.MockTransport(lambda _: httpx.Response(200, json=_sent(2))))
    it.put(send_batch({"to": f"+{NUMBER}"}, {"to": "nobody"}, {"to": "+27825550199"}))
    assert it.poll() == []
    assert [it.state(f"batch-1/{place}") for place in (1, 2, 3)] == ["succeeded", None, "succeeded"]
    (rejection,) = it.rejections()
    assert (rejection["id"], rejection["field"]) == ("batch-1/2", "to")
    assert it.sqs.dead == []


def _sent(count: int) -> dict[str, Any]:
    return {"sendSmsResponses": [{"messageId": f"463{number:05}", "error": None} for number in range(count)]}


def test_an_account_that_was_only_just_made_is_found() -> None:
    """Its name was asked for before, and is known to be unknown for a minute."""
    it = world()
    it.put(send_sms("early", account="new"))
    it.poll()
    it.secrets.documents["new"] = it.secrets.documents[ACCOUNT]
    it.put(send_sms("late", account="new"))
    it.poll()
    assert (it.state("early"), it.state("late")) == (None, "succeeded")


def test_the_same_refusal_again_makes_no_other_event() -> None:
    it = world()
    for _ in range(3):
        it.put(send_sms(text=""))
        it.poll()
    it.clock.advance(7 * 86_400)
    it.put(send_sms(text=""))
    it.poll()
    assert len(it.events()) == 1


def test_what_was_refused_can_be_put_right_under_the_same_id() -> None:
    it = world()
    it.put(send_sms(text=""))
    it.poll()
    it.put(send_sms())
    it.poll()
    assert it.state("order-1") == "succeeded"
