"""The reckoning of a load run for Zorya finds whatever does not reconcile: each kind of mistake is made here once."""

import json
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

import pytest

from hookline.command_journal import LINK, OPEN, STAKES
from hookline.commands import command_token
from tests.cases import Case, table
from tests.load.plan import Asked, Plan, Way
from tests.load.reconcile import Fate, Found
from tests.load.zorya_plan import CAMPAIGN_AMOUNT, REFUSED, REFUSED_ALWAYS, digest_of, make_plan
from tests.load.zorya_reconcile import UPDATES, reconcile

PLAN = make_plan(400, 3, "run")
SENT = [one for one in PLAN.asked.values() if not one.refused]
METHODS = {"top_up": "executeTopUp", "send_sms": "sendSms"}
KINDS = {"top_up": "top_up", "send_sms": "sms", "look_up_carrier": "lookup"}

type Calls = dict[tuple[str, str], int]
type World = tuple[Found, Calls]

FATES = ("succeeded", "succeeded", "settled", "failed", "refunded", "unknown")
"""Of a top-up or a message; the third and the fifth were unknown at first."""


def ideal(plan: Plan = PLAN) -> World:
    """Make what there is after a run in which nothing went wrong but at the provider."""
    ledger: list[dict[str, Any]] = []
    entries, events, kept, calls = [], [], [], dict.fromkeys(((it, "500") for it in METHODS.values()), 0)
    staked = Decimal(0)
    for at, one in enumerate(SENT):
        kind, name = one.document["command"], f"tx{at}"
        fate = FATES[at % len(FATES)] if kind in UPDATES else "succeeded"
        amount = Decimal(one.document.get("amount", CAMPAIGN_AMOUNT)) if kind == "top_up" else Decimal(0)
        entries.append(entry_of(one, fate, name, amount))
        events += outcomes_of(one, fate)
        if fate in {"succeeded", "settled", "refunded"} and kind in KINDS:
            ledger.append(row_of(one, name, amount, "failed" if fate == "refunded" else "ok"))
            events += callbacks_of(one, name, fate) if kind in UPDATES else []
        if fate == "refunded" and kind == "top_up":
            ledger.append({**row_of(one, name, amount, ""), "kind": "refund"})
        if fate == "unknown":
            calls[METHODS[kind], "500"] += 1
            kept.append({"entry": OPEN, "pk": "open#zorya", "sk": f"{plan.account}#{command_token(one.id)}"})
        elif kind in UPDATES:
            link = {"pk": f"link#zorya#{plan.account}#{name}", "sk": LINK, "token": command_token(one.id)}
            kept.append({"entry": LINK, **link})
        staked += amount if fate in {"succeeded", "settled", "unknown"} else Decimal(0)
    kept.append({"entry": STAKES, "total": str(staked)})
    refused = [(one, one.refused) for one in plan.asked.values() if one.refused]
    refused += [(plan.asked[name], "id") for name in plan.contradictions]
    events += [event_of(one, "command.rejected", command_id=one.id, field=field) for one, field in refused]
    nobody = [event_of(None, "command.rejected", command_id=None, field=None) for _ in plan.malformed]
    events += nobody
    found = Found(
        ledger=ledger,
        entries=entries,
        rejections=[{} for _ in [*refused, *nobody]],
        events={str(number): event for number, event in enumerate(events)},
        copies=len(events),
        answers=[(SENT[0].id, {"state": "unknown" if entries[0]["outcome"].find("settled") > 0 else "succeeded"})],
        dead_letters=list(plan.malformed),
        waiting={"commands": 0},
        gave_up=0,
        kept=kept,
    )
    return found, calls


def entry_of(one: Asked, fate: str, name: str, amount: Decimal) -> dict[str, Any]:
    kind = one.document["command"]
    id_name = "message_id" if kind == "send_sms" else "transaction_id"
    outcome: dict[str, Any] = {"facts": {id_name: name}} if kind in KINDS else {"facts": {}}
    if fate == "settled":
        outcome = {"facts": {id_name: name, "status": "sent" if kind == "send_sms" else "succeeded"}}
    elif fate == "refunded":
        outcome = {"facts": {id_name: name, "status": "failed"}}
    elif fate == "failed":
        outcome = {"code": "-1", "provider_data": {"txID": name}}
    elif fate == "unknown":
        outcome = {"why": "answer_unreadable"}
    if fate in {"settled", "refunded"}:
        outcome["settled"] = {"by": "report"}
    state = {"settled": "succeeded", "refunded": "failed"}.get(fate, fate)
    return {
        "command_id": one.id,
        "kind": kind,
        "state": state,
        "digest": digest_of(one),
        "command": json.dumps(one.document),
        "outcome": json.dumps(outcome),
        **({"stake_amount": amount} if amount else {}),
    }


def row_of(one: Asked, name: str, amount: Decimal, mode: str) -> dict[str, Any]:
    number = one.document.get("to") or one.document["number"]
    row = {"kind": KINDS[one.document["command"]], "txID": name, "msisdn": number.removeprefix("+"), "mode": mode}
    return {**row, "amount": str(amount), "message": one.document.get("text", "")}


def outcomes_of(one: Asked, fate: str) -> list[dict[str, Any]]:
    kind = one.document["command"]
    if kind not in UPDATES:
        return [event_of(one, "carrier.looked_up" if kind == "look_up_carrier" else "balance.reported")]
    taken = {"top_up": ("received", "succeeded"), "send_sms": ("accepted", "sent")}[kind]
    status = {"succeeded": taken[0], "settled": taken[1], "failed": "rejected", "refunded": "failed"}.get(fate, fate)
    before = ["unknown"] if fate in {"settled", "refunded"} else []
    return [event_of(one, UPDATES[kind], status=it) for it in (*before, status)]


def callbacks_of(one: Asked, name: str, fate: str) -> list[dict[str, Any]]:
    claims: dict[str, Any] = {"claims": {}}
    if one.document["command"] == "top_up":
        status = "failed" if fate == "refunded" else "succeeded"
        return [event_of(one, UPDATES["top_up"], claims, status=status, transaction_id=name)]
    statuses = ("sent", "failed" if fate == "refunded" else "delivered")
    reply = "Reply please" in one.document["text"]
    return [
        *(event_of(one, UPDATES["send_sms"], claims, status=it, message_id=name) for it in statuses),
        *([event_of(None, "sms.received", claims, **{"from": one.document["to"]})] if reply else []),
    ]


def event_of(one: Asked | None, kind: str, provider_data: Mapping[str, Any] | None = None, **data: Any) -> Any:
    correlation = {"command_id": one.id, "reference": one.document.get("reference")} if one else None
    metadata = {"type": kind, "correlation": correlation}
    return {"metadata": metadata, "data": data, "provider_data": provider_data or {}}


def test_what_went_right_reconciles() -> None:
    found, calls = ideal()
    reckoning = reconcile(PLAN, found, calls)
    assert list(reckoning.problems) == []
    counts = reckoning.counts
    assert counts["commands submitted"] == 400 == sum(counts[f"  {fate.value}"] for fate in Fate)
    assert counts["  charged twice, or of nobody"] == 0
    assert counts["  unknown, and never taken"] == counts["  that the stand-in left undone without a word"] > 0


# --- one mistake each ------------------------------------------------------------------------------------------------


def first(items: Iterable[Mapping[str, Any]], **wanted: Any) -> int:
    return next(at for at, item in enumerate(items) if wanted.items() <= item.items())


def with_row(found: Found, kind: str, **fields: Any) -> Found:
    """Have one more row in the ledger, as another is but for some fields."""
    return found._replace(ledger=[*found.ledger, {**found.ledger[first(found.ledger, kind=kind)], **fields}])


def without_row(found: Found, **wanted: Any) -> Found:
    at = first(found.ledger, **wanted)
    return found._replace(ledger=[row for number, row in enumerate(found.ledger) if number != at])


def changed(found: Found, wanted: Mapping[str, Any], **fields: Any) -> Found:
    entries = [dict(entry) for entry in found.entries]
    entries[first(entries, **wanted)] |= fields
    return found._replace(entries=entries)


def without_event(found: Found, kind: str, *, callback: bool, **wanted: Any) -> Found:
    name = next(
        name
        for name, event in found.events.items()
        if event["metadata"]["type"] == kind
        and ("claims" in event["provider_data"]) is callback
        and wanted.items() <= event["data"].items()
    )
    return found._replace(events={other: event for other, event in found.events.items() if other != name})


def uncorrelated(found: Found) -> Found:
    """Have every callback name no command."""
    events = {
        name: {**event, "metadata": {**event["metadata"], "correlation": None}}
        if "claims" in event["provider_data"]
        else event
        for name, event in found.events.items()
    }
    return found._replace(events=events)


def without_kept(found: Found, entry: str) -> Found:
    at = first(found.kept, entry=entry)
    return found._replace(kept=[item for number, item in enumerate(found.kept) if number != at])


def sharing_an_id(found: Found) -> Found:
    """Have two top-ups end with one id of the provider's."""
    one, other = [it for it in found.entries if (it["kind"], it["state"]) == ("top_up", "succeeded")][:2]
    return changed(found, {"command_id": other["command_id"]}, outcome=one["outcome"])


TOP_UP, MESSAGE = "top_up.status_updated", "sms.status_updated"
TAKEN = {"kind": "top_up", "state": "succeeded"}
OPEN_ONE = {"kind": "top_up", "state": "unknown"}

MISTAKES: Iterable[Case[Callable[[Found], Found], str]] = [
    Case("charged and nobody's", lambda it: with_row(it, "top_up", txID="another"), "charged, and of nobody: another"),
    Case("one charge, two commands", sharing_an_id, "one charge of two commands: tx"),
    Case("charged another amount", lambda it: with_row(it, "top_up", amount="1"), "charged as something else: run/"),
    Case("charged and unknown", lambda it: changed(it, TAKEN, state="unknown"), "charged, and said to be unknown"),
    Case("charged and failed", lambda it: changed(it, TAKEN, state="failed"), "charged, and said to be failed"),
    Case("never charged", lambda it: without_row(it, kind="top_up"), "succeeded, and not charged: run/"),
    Case("no money back", lambda it: without_row(it, kind="refund"), "money that came back is not that"),
    Case("settled out of nothing", lambda it: changed(it, OPEN_ONE, state="failed"), "top_up are unknown, and the"),
    Case("sent twice", lambda it: with_row(it, "sms", txID="another"), "sent twice: run/"),
    Case("sent and nobody's", lambda it: with_row(it, "sms", msisdn="52"), "sent, and of nobody: 52"),
    Case("sent as another", lambda it: with_row(it, "sms", message="x"), "sent as something else: run/"),
    Case("never sent", lambda it: without_row(it, kind="sms"), "said to be sent, and was not: run/"),
    Case("looked up again", lambda it: with_row(it, "lookup", txID="x"), "not looked up as the journal has it: run/"),
    Case("not in the list", lambda it: without_kept(it, OPEN), "are in the list of open ones, and not those"),
    Case("no link", lambda it: without_kept(it, LINK), "ids that lead elsewhere"),
    Case("nothing staked", lambda it: without_kept(it, STAKES), "0 are counted for the day's ceiling"),
    Case("lost by us", lambda it: it._replace(entries=it.entries[1:]), "of no known end: run/"),
    Case("still sending", lambda it: changed(it, TAKEN, state="sending"), "of no known end: run/"),
    Case("another content", lambda it: changed(it, TAKEN, digest="x"), "in the journal with another content"),
    Case(
        "an outcome not told",
        lambda it: without_event(it, TOP_UP, callback=False, status="received"),
        "not told as the journal has it: run/",
    ),
    Case(
        "not told that it was unknown",
        lambda it: without_event(it, TOP_UP, callback=False, status="unknown"),
        "not told that it was unknown, though publish lost nothing: run/",
    ),
    Case(
        "an answer not told", lambda it: without_event(it, "carrier.looked_up", callback=False), "not told as the journ"
    ),
    Case("a callback lost", lambda it: without_event(it, TOP_UP, callback=True), "callbacks not told as they were"),
    Case("a reply lost", lambda it: without_event(it, "sms.received", callback=True), "replies not told as they were"),
    Case("callbacks of nobody", uncorrelated, "a callback that does not name run/"),
    Case("callbacks given up", lambda it: it._replace(gave_up=1), "gave 1 callbacks up"),
    Case(
        "a refusal lost",
        lambda it: without_event(it, "command.rejected", callback=False, field="amount"),
        "not refused as it should be: run/",
    ),
    Case("answered otherwise", lambda it: it._replace(answers=[(SENT[0].id, {"state": "failed"})]), "answered failed"),
    Case("a dead letter lost", lambda it: it._replace(dead_letters=[]), "0 dead letters, 3 of what is no"),
    Case("a queue not empty", lambda it: it._replace(waiting={"later": 2}), "2 messages are left on later"),
]


@table("case", MISTAKES)
def test_a_mistake_is_found(case: Case[Callable[[Found], Found], str]) -> None:
    found, calls = ideal()
    problems = reconcile(PLAN, case.given(found), calls).problems
    assert any(case.expected in problem for problem in problems), problems


def test_a_look_up_is_paid_for_again_where_its_answer_was_lost_and_only_there() -> None:
    found, calls = ideal()
    again = with_row(found, "lookup", txID="before", mode="slow,garbage")
    assert list(reconcile(PLAN, again, calls).problems) == []


def test_what_the_stream_did_not_bring_again_may_be_missing_that_it_was_unknown() -> None:
    found, calls = ideal()
    overtaken = without_event(found, TOP_UP, callback=False, status="unknown")
    assert list(reconcile(PLAN, overtaken._replace(reported_by_publish=1), calls).problems) == []


def test_what_died_on_its_way_is_unknown_too() -> None:
    found, calls = ideal()
    calls["executeTopUp", "500"] -= 1
    assert reconcile(PLAN, found, calls).problems
    died = changed(found, OPEN_ONE, outcome=json.dumps({"why": "interrupted"}))
    assert list(reconcile(PLAN, died, calls).problems) == []


# --- the plan --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mixed", [True, False])
def test_everything_is_given_and_many_top_ups_are_equal(mixed: bool) -> None:  # noqa: FBT001  # a parameter of pytest's
    plan = make_plan(2000, 6, "run", mixed=mixed)
    assert plan == make_plan(2000, 6, "run", mixed=mixed)
    given = [giving.document for giving in (*plan.givings, *plan.later) if isinstance(giving.document, dict)]
    assert {one["id"] for it in given for one in it.get("messages", [it])} == plan.asked.keys()
    assert {giving.way for giving in plan.givings} == set(Way)
    assert {one.refused for one in plan.asked.values()} == {"", *REFUSED, *REFUSED_ALWAYS}
    assert plan.contradictions
    assert bool(plan.later) is not mixed
    top_ups = [(one.document["to"], one.document.get("amount")) for one in plan.asked.values() if is_top_up(one)]
    assert len(set(top_ups)) < len(top_ups) * 0.8


def is_top_up(one: Asked) -> bool:
    return bool(one.document["command"] == "top_up")
