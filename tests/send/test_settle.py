"""Settling: what a message's status, a callback, the report and a person end; and what they leave open."""

import dataclasses
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from hookline.open_commands import OpenCommands
from hookline.sending import Finding
from hookline.settle import DECISIONS, MAX_WHY, MAX_WORD_RECEIVES
from hookline.wiring.settle import handle
from simulators.common import Chaos
from simulators.zorya.modes import read_modes
from tests.cases import Case, table
from tests.samples import NOW
from tests.send.dynamo import as_client
from tests.send.money import ACCOUNT, NUMBER, Money, StandIn, is_routed, message, top_up
from tests.send.world import TABLE, Fault
from tests.test_template import TEMPLATE

WHO, WHY = "thandi@example.com", "the customer has it"


@pytest.fixture(autouse=True)
def _as_the_wiring_has_it(caplog: pytest.LogCaptureFixture) -> None:
    """Httpx logs whole URLs at INFO, and a log-in's holds a password: `hookline.wiring.send` silences it."""
    caplog.set_level(logging.WARNING, "httpx")


@pytest.fixture
def world(zorya: StandIn) -> Money:
    zorya.clock.now = NOW
    return Money(zorya)


def unknown(world: Money, document: Mapping[str, Any], modes: str = "close_after") -> str:
    """Bring a command to where nobody knows what became of it. Return its txID, where the provider took it."""
    world.stand_in.simulator.numbers.put(document["to"], read_modes(modes), 1)
    before = len(world.stand_in.simulator.ledger.rows)
    world.put(document)
    world.poll()
    assert world.state(document["id"]) == "unknown"
    rows = world.stand_in.simulator.ledger.rows[before:]
    return str(rows[0]["txID"]) if rows else ""


def settled(world: Money, command_id: str) -> tuple[str | None, Any, Any]:
    """Return a command's state, what its event says then, and what told."""
    outcome = world.outcome(command_id)
    return world.state(command_id), outcome.get("facts", {}).get("status"), outcome.get("settled", {}).get("by")


# --- messages --------------------------------------------------------------------------------------------------------


def test_a_message_whose_id_is_known_is_asked_about(world: Money) -> None:
    """Its answer had an id, and told too little else."""
    transaction = unknown(world, message(), "close_after")
    entry = world.dynamo.items[next(key for key in world.dynamo.items if key[0].startswith("command#"))]
    entry["outcome"] = {"S": json.dumps({"why": "status_unknown", "facts": {"message_id": transaction}})}
    world.tick(1)
    assert settled(world, "sms-1") == ("succeeded", "accepted", "query")
    assert world.open_tokens() == set()


def test_a_message_without_an_id_is_settled_by_its_callback(world: Money) -> None:
    transaction = unknown(world, message())
    world.tick(2)
    assert world.state("sms-1") == "unknown", "there is nothing to ask by"
    world.mt(transaction, NUMBER, 200)
    assert world.words() == []
    assert settled(world, "sms-1") == ("succeeded", "sent", "callback")
    world.mt(transaction, NUMBER, 201)
    assert world.words() == []
    last = world.events()[-1]
    assert last["metadata"]["correlation"] == {"command_id": "sms-1", "reference": None}, "its id leads there now"


def test_a_callback_that_could_be_about_two_messages_settles_none(world: Money) -> None:
    unknown(world, message("sms-1"), "timeout_before")
    transaction = unknown(world, message("sms-2"))
    world.mt(transaction, NUMBER)
    assert world.words() == []
    assert {world.state("sms-1"), world.state("sms-2")} == {"unknown"}


def test_a_callback_that_could_be_about_one_that_was_taken_on_without_an_id_settles_none(world: Money) -> None:
    world.stand_in.simulator.numbers.put(NUMBER, read_modes("no_txid"), 1)
    world.put(message("other"))
    world.poll()
    assert world.state("other") == "succeeded"
    unknown(world, message("lost"), "timeout_before")
    (row,) = world.stand_in.simulator.ledger.rows
    world.mt(row["txID"], NUMBER, 201)
    assert world.words() == []
    assert world.state("lost") == "unknown"


def test_the_callback_of_one_that_was_taken_on_without_an_id_leads_to_it_from_then_on(world: Money) -> None:
    world.stand_in.simulator.numbers.put(NUMBER, read_modes("no_txid"), 1)
    world.put(message("other"))
    world.poll()
    (row,) = world.stand_in.simulator.ledger.rows
    for code in (200, 201):
        world.mt(row["txID"], NUMBER, code)
        assert world.words() == []
    last = world.events()[-1]
    assert (last["data"]["status"], last["metadata"]["correlation"]["command_id"]) == ("delivered", "other")
    assert world.open_tokens() == set()


def test_where_messages_are_sent_again_no_callback_settles_one(zorya: StandIn) -> None:
    """An id may be that of a try before."""
    zorya.clock.now = NOW
    world = Money(zorya, on_unknown="resend")
    zorya.simulator.numbers.put(NUMBER, read_modes("timeout_before"), None)
    world.put(message("lost"))
    world.drain()
    zorya.simulator.numbers.clear()
    world.mt("of-a-try-before", NUMBER, 201)
    assert world.words() == []
    assert world.state("lost") in {"unknown", "waiting"}


def test_what_came_late_does_not_go_before_how_it_ended(world: Money) -> None:
    first, second = unknown(world, top_up("top-1")), unknown(world, top_up("top-2"))
    for transaction in (first, second):
        world.stand_in.simulator.transactions[transaction].visible_at = 1e18
    for status in ("103", "102"):
        world.push(first, NUMBER, "20.00", status)
        assert world.words() == []
    for transaction in (first, second):
        world.stand_in.simulator.transactions[transaction].visible_at = 0
    world.tick(2)
    by_id = {world.outcome(name)["facts"]["transaction_id"]: settled(world, name)[1] for name in ("top-1", "top-2")}
    assert by_id == {first: "succeeded", second: "received"}


def test_a_provider_that_is_down_is_said_so_and_nothing_is_put_off(world: Money) -> None:
    unknown(world, top_up())
    world.stand_in.simulator.chaos = Chaos(1, {"500": 1.0})
    world.tick(3, 60)
    failed = [line for line in world.telemetry.lines if line["name"] == "settling_failed"]
    assert [(line["provider"], line["why"]) for line in failed] == [("zorya", "answer_unreadable")] * 3
    world.stand_in.simulator.chaos = Chaos()
    world.tick(1, 60)
    assert world.state("top-1") == "succeeded"


def test_without_time_nothing_is_asked_and_nothing_is_put_off(world: Money) -> None:
    unknown(world, top_up())
    assert world.settler.run(20) == {"open": 1, "settled": 0}
    assert world.settler.run(120) == {"open": 1, "settled": 1}


def test_a_callback_about_another_number_settles_none(world: Money) -> None:
    unknown(world, message())
    world.mt("of-another", "+525512345678")
    assert world.words() == []
    assert world.state("sms-1") == "unknown"


# --- top-ups ---------------------------------------------------------------------------------------------------------


def test_a_callback_settles_what_the_report_does_not_have_yet(world: Money) -> None:
    state = world.stand_in.simulator
    transaction = unknown(world, top_up())
    state.settings = state.settings.model_copy(update={"report_after_s": 1e9})
    state.transactions[transaction].visible_at = 1e18
    world.tick(1)
    assert world.state("top-1") == "unknown"
    world.push(transaction, NUMBER, "20.00")
    assert world.words() == []
    assert settled(world, "top-1") == ("succeeded", "succeeded", "callback")
    assert world.staked() == 20


def test_a_callback_that_says_it_failed_gives_the_ceiling_back(world: Money) -> None:
    transaction = unknown(world, top_up())
    world.push(transaction, NUMBER, "20.00", "-105")
    assert world.words() == []
    assert settled(world, "top-1") == ("failed", "failed", "callback")
    assert world.staked() == 0


def test_a_callback_before_its_command_is_unknown_comes_again_until_it_is(world: Money) -> None:
    """The process died; its lease and the message's time have to pass first."""
    calls = iter(["log-in", "top-up"])
    world.faults.choose = lambda _number, name: Fault.DIES_AFTER if name == "http" and next(calls) == "top-up" else None
    world.put(top_up())
    world.poll()
    world.faults.choose = lambda _number, _name: None
    (row,) = world.stand_in.charged
    world.push(row["txID"], NUMBER, "20")
    assert world.words() == ["word-0"]
    assert world.state("top-1") == "sending"
    world.drain()
    assert world.state("top-1") == "unknown"
    assert world.words() == []
    assert settled(world, "top-1") == ("succeeded", "succeeded", "callback")


def test_what_a_callback_said_before_goes_before_a_report_that_does_not_say(world: Money) -> None:
    """The report has it as received still; Zorya has pushed already how it ended, when two could be meant."""
    first, second = unknown(world, top_up("top-1")), unknown(world, top_up("top-2"))
    for transaction in (first, second):
        world.stand_in.simulator.transactions[transaction].visible_at = 1e18
    world.push(first, NUMBER, "20.00")
    assert world.words() == []
    assert world.state("top-1") == world.state("top-2") == "unknown", "either could be meant"
    for transaction in (first, second):
        world.stand_in.simulator.transactions[transaction].visible_at = 0
    world.tick(2)
    by_id = {world.outcome(name)["facts"]["transaction_id"]: settled(world, name)[1] for name in ("top-1", "top-2")}
    assert by_id == {first: "succeeded", second: "received"}


def test_a_callback_that_came_before_the_request_is_not_about_it(world: Money) -> None:
    """An equal one of another system, say; its word is looked at only later."""
    world.push("of-another", NUMBER, "20.00")
    world.clock.advance(60)
    transaction = unknown(world, top_up())
    world.stand_in.simulator.transactions[transaction].visible_at = 1e18
    assert world.words() == []
    assert world.state("top-1") == "unknown"


@pytest.mark.parametrize("amount", ["30.00", "20.01"])
def test_a_callback_about_another_amount_settles_none(world: Money, amount: str) -> None:
    unknown(world, top_up())
    world.push("of-another", NUMBER, amount)
    assert world.words() == []
    assert world.state("top-1") == "unknown"


def test_a_status_that_only_stood_in_the_address_settles_none(world: Money) -> None:
    """What is signed must say how it ended: an address is anybody's."""
    transaction = unknown(world, top_up(), "close_after")
    world.stand_in.simulator.transactions[transaction].visible_at = 1e18
    world.push(transaction, NUMBER, "20.00", "103", status=None)
    assert world.words() == []
    assert world.state("top-1") == "unknown"


def test_a_callback_that_nobody_waits_for_is_done_with(world: Money) -> None:
    world.push("of-nobody", NUMBER, "20.00")
    assert world.words() == []
    assert not [key for key in world.dynamo.items if key[0].startswith("link#")], "nothing is kept of it"


def test_a_callback_comes_again_no_more_than_so_often(world: Money) -> None:
    calls = iter(["log-in", "top-up"])
    world.faults.choose = lambda _number, name: Fault.DIES_AFTER if name == "http" and next(calls) == "top-up" else None
    world.put(top_up())
    world.poll()
    world.faults.choose = lambda _number, _name: None
    world.push(world.stand_in.charged[0]["txID"], NUMBER, "20")
    assert world.words(MAX_WORD_RECEIVES) == []
    queue = TEMPLATE["Resources"]["SettleCallbacks"]["Properties"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] > MAX_WORD_RECEIVES, "it would be a dead letter first"


def test_the_row_of_a_refused_one_does_not_end_one_that_was_charged(world: Money) -> None:
    """The refusal named no txID, so its row is nobody's; it is as close in time as the other."""
    state = world.stand_in.simulator
    transaction = unknown(world, top_up())
    bad = state.transactions[transaction]
    refused = dataclasses.replace(bad, id="A" * 20, status=-1)
    state.transactions.clear()
    state.transactions |= {refused.id: refused, transaction: bad}
    world.tick(1)
    assert settled(world, "top-1") == ("succeeded", "received", "report")


def test_an_unknown_one_is_asked_about_less_and_less_often(world: Money) -> None:
    unknown(world, top_up(), "timeout_before")
    asked = []
    for _ in range(100):
        before = sum(world.stand_in.simulator.calls.values())
        world.clock.advance(300)
        world.settle()
        asked.append(sum(world.stand_in.simulator.calls.values()) - before)
    assert 8 < sum(asked) < 25
    overdue = [line["amount"] for line in world.telemetry.lines if line["name"] == "commands_overdue"]
    assert (overdue[0], overdue[-1]) == (0, 1)


def test_what_goes_wrong_with_one_account_holds_up_no_other(world: Money) -> None:
    unknown(world, top_up())
    document = world.secrets.documents[ACCOUNT]
    world.secrets.documents["broken"] = document
    unknown(world, top_up("top-2", account="broken", to="+525512345678"))
    world.secrets.documents["broken"] = {**document, "settings": {**document["settings"], "topup_url": 5}}
    world.clock.advance(400)
    world.settler = world.make_settler()
    assert world.settle() == {"open": 2, "settled": 1}
    (failed,) = [line for line in world.telemetry.lines if line["name"] == "settling_failed"]
    assert (failed["account"], failed["why"].partition(":")[0]) == ("broken", "settings.topup_url")


# --- people ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decision", DECISIONS)
@pytest.mark.parametrize("document", [top_up(), message()], ids=["a top-up", "a message"])
def test_a_person_decides_and_that_is_written_down(world: Money, document: Mapping[str, Any], decision: str) -> None:
    unknown(world, document, "timeout_before")
    said = world.settler.decide(document["id"], decision, WHO, WHY)
    assert said["state"] == decision
    outcome = world.outcome(document["id"])
    assert (
        outcome["settled"].items()
        >= {"by": "person", "who": WHO, "why": WHY, "unknown_because": "RemoteProtocolError"}.items()
    )
    event = world.events()[-1]
    assert event["data"]["settled_by"] == "person"
    assert event["data"]["final"] is True
    assert event["metadata"]["correlation"]["command_id"] == document["id"]
    assert world.open_tokens() == set()
    if document["command"] == "top_up":
        assert world.staked() == (20 if decision == "succeeded" else 0)


REFUSED: tuple[Case[tuple[str, str, str, str], str], ...] = (
    Case("another word", ("top-1", "maybe", WHO, WHY), "as"),
    Case("nobody", ("top-1", "succeeded", " ", WHY), "who"),
    Case("no reason", ("top-1", "succeeded", WHO, ""), "why"),
    Case("too long a reason", ("top-1", "failed", WHO, "x" * (MAX_WHY + 1)), "why"),
    Case("another command", ("top-2", "failed", WHO, WHY), "command_id"),
)


@table("case", REFUSED)
def test_what_is_no_decision_is_refused(case: Case[tuple[str, str, str, str], str], world: Money) -> None:
    unknown(world, top_up(), "timeout_before")
    said = world.settler.decide(*case.given)
    assert (said["state"], said["field"]) == ("rejected", case.expected)
    assert world.state("top-1") == "unknown"


def test_only_what_is_unknown_is_decided(world: Money) -> None:
    world.put(top_up())
    world.poll()
    said = world.settler.decide("top-1", "failed", WHO, WHY)
    assert said == {
        "state": "rejected",
        "field": "command_id",
        "problem": "it is succeeded: only what is unknown is decided",
    }


def test_a_decision_and_the_report_at_once_write_one_end(world: Money) -> None:
    """Whoever comes second finds that it is no longer as it was read."""
    unknown(world, top_up())
    listed = OpenCommands(as_client(world.dynamo), TABLE)
    (entry,) = listed.read("zorya")
    world.settler.decide("top-1", "failed", WHO, WHY)
    transaction = world.stand_in.charged[0]["txID"]
    world.tick(1)
    assert not listed.settle(entry, Finding(transaction, True, {"status": "succeeded"}, "report"), NOW)
    assert world.state("top-1") == "failed"


class Context:
    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 120_000


HANDLED: tuple[Case[Mapping[str, Any], Callable[[dict[str, Any]], bool]], ...] = (
    Case("a tick", {"detail-type": "Scheduled Event", "account": "123456789012"}, lambda it: it["settled"] == 1),
    Case("nothing", {}, lambda it: it["settled"] == 1),
    Case("an account", {"account": ACCOUNT}, lambda it: it["settled"] == 1),
    Case("another account", {"account": "umbrella-mx"}, lambda it: it == {"open": 0, "settled": 0}),
    Case("a command", {"command_id": "top-1"}, lambda it: it["state"] == "succeeded"),
    Case("another command", {"command_id": "top-2"}, lambda it: it["field"] == "command_id"),
    Case(
        "a decision",
        {"command_id": "top-1", "as": "failed", "who": WHO, "why": WHY},
        lambda it: it["state"] == "failed",
    ),
    Case("half a decision", {"command_id": "top-1", "as": "failed"}, lambda it: it["field"] == "who"),
    Case("no callbacks", {"Records": []}, lambda it: it == {"batchItemFailures": []}),
)


@table("case", HANDLED)
def test_an_invocation_does_what_it_asks_for(
    case: Case[Mapping[str, Any], Callable[[dict[str, Any]], bool]], world: Money
) -> None:
    unknown(world, top_up())
    world.clock.advance(400)
    said = handle(world.settler, case.given, Context())
    assert case.expected(said), said


# --- the template's rules --------------------------------------------------------------------------------------------


def _matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Match as EventBridge does, as far as the rules go: lists of values, and objects within objects."""
    return all(
        _matches(wanted, event.get(name) or {}) if isinstance(wanted, dict) else event.get(name) in wanted
        for name, wanted in pattern.items()
    )


def test_the_rules_route_what_the_tests_route(world: Money) -> None:
    rules = [TEMPLATE["Resources"][name]["Properties"] for name in ("SettleTopUpsRule", "SettleMessagesRule")]
    world.put(top_up(), message())
    world.poll()
    for number, row in enumerate(world.stand_in.simulator.ledger.rows):
        if row["kind"] == "top_up":
            world.push(row["txID"], row["msisdn"], row["amount"])
        world.mt(row["txID"] if number else "of-nobody", row["msisdn"])
    events = world.events()
    routed = []
    for event in events:
        on_the_bus = {"source": "hookline", "detail-type": event["metadata"]["type"], "detail": event}
        by_rules = any(_matches(rule["EventPattern"], on_the_bus) for rule in rules)
        assert by_rules == is_routed(event)
        routed.append(by_rules)
    assert set(routed) == {True, False}


def test_an_old_one_does_not_ask_for_all_the_days_since(world: Money) -> None:
    unknown(world, top_up("old"), "timeout_before")
    world.clock.advance(20 * 86_400)
    unknown(world, top_up("new"), "timeout_before")
    world.clock.advance(400)
    before = dict(world.stand_in.simulator.calls)
    world.settler.run(120, ACCOUNT, at_once=True)
    after = world.stand_in.simulator.calls
    (reports,) = [count - before.get(call, 0) for call, count in after.items() if "getTopUpReport" in call[1]]
    assert reports == 2, "one for the day of each"
