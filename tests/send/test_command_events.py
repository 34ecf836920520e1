"""The event that says what became of a command: one row for each kind of command and each end that it can have."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from hookline.command_events import correlation_of, data_of_command, data_of_rejection, provider_data_of
from hookline.command_journal import CommandJournal, Finish, State
from hookline.commands import BaseCommand, read_command
from hookline.correlate import Correlator
from hookline.events import event_models
from hookline.publish import Publisher
from tests.cases import Case, table
from tests.doubles import Noted
from tests.samples import ACCOUNT, NOW, NUMBER, TEXT
from tests.send.dynamo import Dynamo, as_client
from tests.send.world import Bus, send_sms
from tests.streams import record

SEND: Mapping[str, Any] = send_sms(reference="ref-1", campaign="summer")
TOP_UP = {"command": "top_up", "id": "top-1", "account": ACCOUNT, "to": f"+{NUMBER}", "amount": "20.00"}
STATUS = {"command": "get_message_status", "id": "status-1", "account": ACCOUNT, "message_id": "5a75"}
BALANCE = {"command": "get_balance", "id": "balance-1", "account": ACCOUNT}
CARRIER = {"command": "look_up_carrier", "id": "carrier-1", "account": ACCOUNT, "number": f"+{NUMBER}"}
REPORT = {
    "command": "get_top_up_report",
    "id": "report-1",
    "account": ACCOUNT,
    "first_day": "2026-11-01",
    "last_day": "2026-11-02",
}
REFUSED = {"code": "2", "text": "Invalid mobile number", "provider_data": {"code": "2"}}
OPEN = {"why": "ReadTimeout"}


def succeeded(**facts: Any) -> dict[str, Any]:
    return {"facts": facts, "provider_data": {"raw": "1"}}


class End(NamedTuple):
    """A command and what became of it."""

    document: Mapping[str, Any]
    state: State
    outcome: Mapping[str, Any]


def sms(status: str, *, final: bool, **more: Any) -> dict[str, Any]:
    """What stands in `data`, without what is null."""
    return {
        "status": status,
        "final": final,
        "to": f"+{NUMBER}",
        "encoding": "ucs-2",
        "segments": 1,
        "campaign": "summer",
        "reference": "ref-1",
        **more,
    }


REFUSAL = {"provider_code": "2", "provider_text": "Invalid mobile number"}
COST = {"amount": "0.29", "currency": "MXN"}
AMOUNT = {"amount": "20.00", "currency": None}
ALL = {"message_id": "5a75", "cost": COST, "segments": 3, "mcc": "334", "mnc": "20", "provider_code": "0"}
ENDS: tuple[Case[End, tuple[str, dict[str, Any]]], ...] = (
    Case(
        "sent",
        End(SEND, State.SUCCEEDED, succeeded(message_id="5a75", encoding="ucs-2", segments=1)),
        ("sms.status_updated", sms("accepted", final=False, message_id="5a75")),
    ),
    Case(
        "sent, with all that may be said",
        End(SEND, State.SUCCEEDED, succeeded(**ALL)),
        (
            "sms.status_updated",
            sms("accepted", final=False, **ALL),
        ),
    ),
    Case(
        "sent, to be delivered later",
        End({**SEND, "send_at": "2027-01-01T08:00:00Z"}, State.SUCCEEDED, succeeded(message_id="5a75")),
        ("sms.status_updated", sms("scheduled", final=False, message_id="5a75")),
    ),
    Case("refused", End(SEND, State.FAILED, REFUSED), ("sms.status_updated", sms("rejected", final=True, **REFUSAL))),
    Case(
        "unknown",
        End(SEND, State.UNKNOWN, OPEN),
        ("sms.status_updated", sms("unknown", final=False, provider_text="ReadTimeout")),
    ),
    Case(
        "unknown, with the id",
        End(SEND, State.UNKNOWN, OPEN | {"facts": {"message_id": "5a75"}}),
        ("sms.status_updated", sms("unknown", final=False, provider_text="ReadTimeout", message_id="5a75")),
    ),
    Case(
        "of two segments",
        End(send_sms(text="x" * 161), State.UNKNOWN, OPEN),
        (
            "sms.status_updated",
            {
                "status": "unknown",
                "final": False,
                "to": f"+{NUMBER}",
                "encoding": "gsm-7",
                "segments": 2,
                "provider_text": "ReadTimeout",
            },
        ),
    ),
    Case(
        "a top-up, taken on",
        End(TOP_UP, State.SUCCEEDED, succeeded(transaction_id="77")),
        (
            "top_up.status_updated",
            {"status": "received", "final": False, "transaction_id": "77", "to": f"+{NUMBER}", "amount": AMOUNT},
        ),
    ),
    Case(
        "a top-up, done at once",
        End(TOP_UP, State.SUCCEEDED, succeeded(transaction_id="77", status="succeeded", final=True, cost=COST)),
        (
            "top_up.status_updated",
            {
                "status": "succeeded",
                "final": True,
                "transaction_id": "77",
                "to": f"+{NUMBER}",
                "amount": AMOUNT,
                "cost": COST,
            },
        ),
    ),
    Case(
        "a top-up of a campaign, whose amount the provider says",
        End({**TOP_UP, "amount": None, "campaign": "c"}, State.SUCCEEDED, succeeded(amount=COST)),
        ("top_up.status_updated", {"status": "received", "final": False, "to": f"+{NUMBER}", "amount": COST}),
    ),
    Case(
        "a top-up, refused",
        End(TOP_UP, State.FAILED, REFUSED),
        (
            "top_up.status_updated",
            {"status": "rejected", "final": True, "to": f"+{NUMBER}", "amount": AMOUNT, **REFUSAL},
        ),
    ),
    Case(
        "a top-up, unknown",
        End(TOP_UP, State.UNKNOWN, OPEN),
        (
            "top_up.status_updated",
            {"status": "unknown", "final": False, "to": f"+{NUMBER}", "amount": AMOUNT, "provider_text": "ReadTimeout"},
        ),
    ),
    Case(
        "a message's status",
        End(STATUS, State.SUCCEEDED, succeeded(status="delivered", final=True, provider_code="DELIVRD")),
        (
            "sms.status_updated",
            {"status": "delivered", "final": True, "message_id": "5a75", "provider_code": "DELIVRD"},
        ),
    ),
    Case(
        "a message's status, refused: nothing is said of the message",
        End(STATUS, State.FAILED, REFUSED),
        (
            "command.rejected",
            {
                "command_id": "status-1",
                "command": "get_message_status",
                "problem": "the provider did not do it: 2 Invalid mobile number",
            },
        ),
    ),
    Case(
        "a balance in credits",
        End(BALANCE, State.SUCCEEDED, succeeded(balance={"amount": "33", "currency": None}, unit="credits")),
        ("balance.reported", {"balance": {"amount": "33", "currency": None}, "unit": "credits"}),
    ),
    Case(
        "a balance, refused",
        End(BALANCE, State.FAILED, REFUSED),
        (
            "command.rejected",
            {
                "command_id": "balance-1",
                "command": "get_balance",
                "problem": "the provider did not do it: 2 Invalid mobile number",
            },
        ),
    ),
    Case(
        "a carrier",
        End(CARRIER, State.SUCCEEDED, succeeded(carrier="TELCEL", ported=False)),
        ("carrier.looked_up", {"number": f"+{NUMBER}", "carrier": "TELCEL", "ported": False}),
    ),
    Case(
        "a report",
        End(REPORT, State.SUCCEEDED, succeeded(count=0, rows=[])),
        (
            "top_up_report.completed",
            {"first_day": "2026-11-01", "last_day": "2026-11-02", "count": 0, "rows": [], "complete": True},
        ),
    ),
)


def journalled(end: End) -> Dynamo:
    """Write a command and its end as a sender does."""
    double = Dynamo()
    journal = CommandJournal(as_client(double), "journal", "zoom_connect", 3600, 120)
    command: BaseCommand = read_command(dict(end.document))
    claim, _ = journal.claim([command], NOW)
    journal.finish([Finish(command, claim, end.state, end.outcome)], NOW + 1)
    return double


@table("case", ENDS)
def test_an_event_says_what_became_of_a_command(case: Case[End, tuple[str, dict[str, Any]]]) -> None:
    kind, expected = case.expected
    ((_, entry),) = journalled(case.given).texts("command#").items()
    data = data_of_command(entry)
    assert data.type == kind
    shown = data.model_dump(mode="json", exclude_none=True, by_alias=True)
    wanted = {**expected, "unconfirmed": []} if kind == "top_up.status_updated" else expected
    money = {name: dict(value) for name, value in wanted.items() if isinstance(value, Mapping)}
    for name, value in money.items():
        wanted = {**wanted, name: {key: each for key, each in value.items() if each is not None}}
    assert shown == wanted
    assert provider_data_of(entry) == case.given.outcome.get("provider_data", {})


@table("case", ENDS)
def test_an_event_belongs_to_its_command_and_fits_its_type(case: Case[End, tuple[str, dict[str, Any]]]) -> None:
    bus = Bus()
    stream = journalled(case.given).stream
    correlate = Correlator(as_client(Dynamo()), "journal")
    assert Publisher({}, bus, _never, Noted(), correlate)({"Records": stream}) == {"batchItemFailures": []}
    (event,) = bus.events
    event_models()[case.expected[0]].model_validate(event)
    metadata = event["metadata"]
    assert metadata["correlation"] == {
        "command_id": case.given.document["id"],
        "reference": case.given.document.get("reference"),
    }
    assert (metadata["account"], metadata["provider"]) == (ACCOUNT, "zoom_connect")
    assert metadata["recorded_at"] == metadata["occurred_at"] == "2026-11-22T08:00:01Z"


def test_a_step_has_an_event_once_and_settling_has_another() -> None:
    """An outcome that is unknown can become known: an event of its own. A copy of a step is the same event."""
    double = Dynamo()
    journal = CommandJournal(as_client(double), "journal", "zoom_connect", 3600, 120)
    command = read_command(dict(SEND))
    claim, _ = journal.claim([command], NOW)
    for moment in (1, 2):
        journal.finish([Finish(command, claim, State.UNKNOWN, OPEN)], NOW + moment)
    journal.finish([Finish(command, claim, State.SUCCEEDED, succeeded(message_id="5a75"))], NOW + 3)
    bus = Bus()
    Publisher({}, bus, _never, Noted())({"Records": double.stream})
    ids = [(event["metadata"]["id"], event["data"]["status"]) for event in bus.events]
    assert [status for _, status in ids] == ["unknown", "unknown", "accepted"]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 2


@pytest.mark.parametrize("state", [State.WAITING, State.SENDING])
def test_a_command_under_way_has_no_event(state: State) -> None:
    double = Dynamo()
    journal = CommandJournal(as_client(double), "journal", "zoom_connect", 3600, 120)
    command = read_command(dict(SEND))
    claim, _ = journal.claim([command], NOW)
    if state is State.WAITING:
        journal.release([command], claim)
    bus = Bus()
    Publisher({}, bus, _never, Noted())({"Records": double.stream})
    assert bus.events == []


def test_an_entry_that_expires_has_no_event() -> None:
    double = journalled(End(SEND, State.SUCCEEDED, succeeded(message_id="1")))
    removal = record(double.stream[-1]["dynamodb"]["NewImage"], 9, event_name="REMOVE")
    del removal["dynamodb"]["NewImage"]
    bus = Bus()
    Publisher({}, bus, _never, Noted())({"Records": [removal]})
    assert bus.events == []


REJECTIONS: tuple[Case[dict[str, Any], dict[str, Any]], ...] = (
    Case(
        "all is known",
        {"command": {"id": "order-1", "command": "send_sms"}, "outcome": {"field": "to", "problem": "is none"}},
        {"command_id": "order-1", "command": "send_sms", "field": "to", "problem": "is none"},
    ),
    Case(
        "nothing is known",
        {"command": {}, "outcome": {"field": "", "problem": "is no JSON"}},
        {"command_id": None, "command": None, "field": None, "problem": "is no JSON"},
    ),
)


@table("case", REJECTIONS)
def test_an_event_says_why_a_command_was_not_taken(case: Case[dict[str, Any], dict[str, Any]]) -> None:
    entry = {name: json.dumps(value) for name, value in case.given.items()}
    assert data_of_rejection(entry).model_dump() == case.expected
    correlation = correlation_of(entry)
    assert (correlation and correlation.command_id) == case.expected["command_id"]


def test_a_rejection_tells_neither_number_nor_text() -> None:
    entry = {"command": json.dumps(SEND), "outcome": json.dumps({"field": "to", "problem": "is none"})}
    shown = data_of_rejection(entry).model_dump_json()
    assert not any(marked in shown for marked in (NUMBER, TEXT))


def _never(_record: Mapping[str, Any], reason: str) -> None:
    raise AssertionError(reason)
