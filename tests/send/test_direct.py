"""A direct invocation: the outcome is the answer."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from hookline.send import TIME_FOR_A_CALL
from tests.cases import Case, table
from tests.samples import ACCOUNT, TEXT
from tests.send.toy import TOY, balance, done, is_open, not_sent, refused
from tests.send.world import LEASE, SECONDS, Fault, Killed, World, send_sms, sequence

GET_BALANCE = {"command": "get_balance", "id": "balance-1", "account": ACCOUNT}
LATE = httpx.ReadTimeout("")


def world(*answers: Any, **settings: Any) -> World:
    return World(TOY, httpx.MockTransport(sequence(answers)), accounts={ACCOUNT: settings})


ANSWERS: tuple[Case[tuple[Mapping[str, Any], Any], Mapping[str, Any]], ...] = (
    Case(
        "a balance",
        (GET_BALANCE, [balance("12.50")]),
        {
            "state": "succeeded",
            "outcome": {
                "facts": {"balance": {"amount": "12.50", "currency": None}, "unit": "credits"},
                "provider_data": {"creditBalance": "12.50"},
            },
        },
    ),
    Case(
        "a balance that nobody answers",
        (GET_BALANCE, LATE),
        {"state": "waiting", "why": "ReadTimeout", "retry_after": None},
    ),
    Case(
        "a message",
        (send_sms(), [done("5a75")]),
        {"state": "succeeded", "outcome": {"facts": {"message_id": "5a75"}, "provider_data": {"messageId": "5a75"}}},
    ),
    Case(
        "a refusal",
        (send_sms(), [refused("2", "Invalid mobile number")]),
        {
            "state": "failed",
            "outcome": {"code": "2", "text": "Invalid mobile number", "provider_data": {"code": "2"}},
        },
    ),
    Case("nobody knows", (send_sms(), LATE), {"state": "unknown", "outcome": {"why": "ReadTimeout"}}),
    Case("it is open", (send_sms(), [is_open()]), {"state": "unknown", "outcome": {"why": "server_error"}}),
    Case(
        "not sent",
        (send_sms(), [not_sent(delay=7)]),
        {"state": "waiting", "why": "too_many_requests", "retry_after": 7},
    ),
    Case(
        "no connection",
        (send_sms(), httpx.ConnectError("")),
        {"state": "waiting", "why": "ConnectError", "retry_after": None},
    ),
)


@table("case", ANSWERS)
def test_the_outcome_is_the_answer(case: Case[tuple[Mapping[str, Any], Any], Mapping[str, Any]]) -> None:
    document, answer = case.given
    assert world(answer).sender.do_now(document, SECONDS) == case.expected


REFUSALS: tuple[Case[Any, str | None], ...] = (
    Case("no object", [GET_BALANCE], None),
    Case("nothing", None, None),
    Case("a text", "get_balance", None),
    Case("no command", {"id": "x"}, "command"),
    Case("no such account", GET_BALANCE | {"account": "nobody"}, "account"),
    Case("an empty text", send_sms(text=""), "text"),
    Case("a field too many", GET_BALANCE | {"colour": "red"}, "colour"),
    Case("half a character", send_sms("\ud800"), "id"),
)


@table("case", REFUSALS)
def test_a_refusal_names_the_field_and_is_an_event_too(case: Case[Any, str | None]) -> None:
    it = world()
    answer = it.sender.do_now(case.given, SECONDS)
    assert (answer["state"], answer["field"]) == ("rejected", case.expected)
    assert answer["problem"]
    (event,) = it.events()
    assert (event["data"]["field"], event["data"]["problem"]) == (case.expected, answer["problem"])
    assert TEXT not in str(answer)
    assert it.sqs.dead == []


def test_a_question_asked_again_after_nobody_knew_is_asked_again() -> None:
    it = world(LATE, [balance("33")])
    assert it.sender.do_now(GET_BALANCE, SECONDS)["state"] == "waiting"
    assert it.sender.do_now(GET_BALANCE, SECONDS)["state"] == "succeeded"


def test_a_question_whose_attempt_died_is_asked_again_after_its_lease() -> None:
    it = world(LATE, [balance("33")])
    it.faults.choose = lambda _number, name: Fault.DIES_AFTER if name == "http" else None
    with pytest.raises(Killed):
        it.sender.do_now(GET_BALANCE, SECONDS)
    it.faults.choose = lambda _number, _name: None
    it.transport._transport = httpx.MockTransport(sequence([[balance("33")]]))
    it.sender = it.make_sender()
    waiting = it.sender.do_now(GET_BALANCE, SECONDS)
    assert (waiting["state"], waiting["retry_after"]) == ("waiting", LEASE + 1)
    it.clock.advance(waiting["retry_after"])
    assert it.sender.do_now(GET_BALANCE, SECONDS)["state"] == "succeeded"


def test_the_same_question_again_has_the_same_answer() -> None:
    it = world([balance("33")])
    first = it.sender.do_now(GET_BALANCE, SECONDS)
    it.clock.advance(86_400)
    assert it.sender.do_now(GET_BALANCE, SECONDS) == first


def test_what_has_to_wait_for_its_pace_says_so() -> None:
    it = world([done("1")], [done("2")], [done("3")], max_per_second=1)
    for number in range(2):
        assert it.sender.do_now(send_sms(f"order-{number}"), SECONDS)["state"] == "succeeded"
    for _ in range(50):
        waits = it.sender.do_now(send_sms("order-3"), SECONDS)
        assert waits == {"state": "waiting", "why": "the account's pace", "retry_after": 1.0}
    it.clock.advance(1)
    assert it.sender.do_now(send_sms("order-3"), SECONDS)["state"] == "succeeded"


def test_without_time_nothing_is_begun() -> None:
    it = world()
    answer = it.sender.do_now(send_sms(), TIME_FOR_A_CALL - 1)
    assert answer == {"state": "waiting", "why": "the invocation's time", "retry_after": 0.0}
    assert it.faults.calls.count("http") == 0


@pytest.mark.parametrize("document", [send_sms(), {"command": "nonsense"}], ids=["a command", "nonsense"])
def test_without_the_journal_the_answer_is_later(document: Mapping[str, Any]) -> None:
    it = world()
    it.faults.choose = lambda _number, name: Fault.FAILS_BEFORE if name.startswith("dynamodb") else None
    answer = it.sender.do_now(document, SECONDS)
    assert (answer["state"], answer["retry_after"]) == ("waiting", None)


def test_an_account_that_can_not_be_used_is_a_reason_to_wait() -> None:
    it = world()
    it.secrets.documents[ACCOUNT]["credentials"] = {}
    answer = it.sender.do_now(send_sms(), SECONDS)
    assert (answer["state"], answer["retry_after"]) == ("waiting", 300)
    assert "credentials.token" in answer["why"]
