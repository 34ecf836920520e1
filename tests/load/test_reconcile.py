"""The reckoning of a load run finds whatever does not reconcile: each kind of mistake is made here once."""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from hookline.commands import SendSms, command_token, read_command
from hookline.numbers import e164
from tests.cases import Case, table
from tests.load.plan import REFUSED, Asked, Plan, Way, make_plan
from tests.load.reconcile import OUTCOMES, Fate, Found, Reckoning, reconcile

PLAN = make_plan(400, 3, "run")
SENT = [one for one in PLAN.asked.values() if not one.refused]
STATES = ("succeeded", "succeeded", "succeeded", "failed", "unknown")


def ideal(plan: Plan = PLAN) -> Found:
    """Make what there is after a run in which nothing went wrong but at the provider."""
    entries, ledger, events = [], [], []
    for at, one in enumerate(SENT):
        state = STATES[at % len(STATES)]
        message_id = f"{at:024x}"
        entries.append(entry_of(one, state, message_id if state == "succeeded" else None))
        events.append(event_of(one, "sms.status_updated", status=OUTCOMES[state]))
        if state == "succeeded" or (state == "unknown" and at % 2):
            row = row_of(one, message_id, "ok,duplicate_new_nonce" if at % 7 == 0 else "ok")
            ledger.append(row)
            times = 2 if "duplicate_new_nonce" in row["mode"] else 1
            events += [event_of(one, "sms.status_updated", status=it) for it in ("sent", "delivered")] * times
            if "Reply please" in row["message"]:
                events.append(event_of(one, "sms.received"))
    refused = [(one, one.refused) for one in plan.asked.values() if one.refused]
    refused += [(plan.asked[name], "id") for name in plan.contradictions]
    events += [event_of(one, "command.rejected", command_id=one.id, field=field) for one, field in refused]
    nobody = [event_of(None, "command.rejected", command_id=None, field=None) for _ in plan.malformed]
    events += nobody
    return Found(
        ledger=ledger,
        entries=entries,
        rejections=[{} for _ in [*refused, *nobody]],
        events={str(number): event for number, event in enumerate(events)},
        copies=len(events),
        answers=[(SENT[0].id, {"state": "succeeded"}), (SENT[1].id, {"state": "waiting"})],
        dead_letters=list(plan.malformed),
        waiting={"commands": 0},
        gave_up=0,
    )


def entry_of(one: Asked, state: str, message_id: str | None) -> dict[str, Any]:
    command = read_command(one.document)
    assert isinstance(command, SendSms)
    command = command.model_copy(update={"to": e164(command.to)})
    facts = {"facts": {"message_id": message_id}} if message_id else {}
    return {
        "command_id": one.id,
        "state": state,
        "digest": command.digest,
        "command": command.model_dump_json(exclude_none=True),
        "outcome": json.dumps(facts),
    }


def row_of(one: Asked, message_id: str, mode: str) -> dict[str, Any]:
    return {
        "id": message_id,
        "dataField": command_token(one.id),
        "recipient": one.document["to"].removeprefix("+"),
        "message": one.document["text"],
        "mode": mode,
    }


def event_of(one: Asked | None, kind: str, **data: Any) -> dict[str, Any]:
    correlation = {"command_id": one.id, "reference": one.document.get("reference")} if one else None
    return {"metadata": {"type": kind, "correlation": correlation}, "data": data}


def test_what_went_right_reconciles() -> None:
    reckoning = reconcile(PLAN, ideal())
    assert list(reckoning.problems) == []
    counts = reckoning.counts
    assert counts["commands submitted"] == 400 == sum(counts[f"  {fate.value}"] for fate in Fate)
    unknown = (counts["unknown, and the provider had accepted it"], counts["unknown, and it had not"])
    assert sum(unknown) == counts["  unknown"]
    assert min(unknown) > 0


def first(found: Found, of: str, **wanted: Any) -> str:
    """Find the first event of a type whose data is so."""
    return next(
        name
        for name, event in found.events.items()
        if event["metadata"]["type"] == of and wanted.items() <= event["data"].items()
    )


def without(found: Found, *names: str) -> Found:
    return found._replace(events={name: event for name, event in found.events.items() if name not in names})


def changed(found: Found, at: int, **fields: Any) -> Found:
    entries = [dict(entry) for entry in found.entries]
    entries[at] |= fields
    return found._replace(entries=entries)


def twice(found: Found) -> Found:
    return found._replace(ledger=[*found.ledger, {**found.ledger[0], "id": "another"}])


def of_nobody(found: Found) -> Found:
    return found._replace(ledger=[*found.ledger, {**found.ledger[0], "dataField": command_token("nobody")}])


def another_row(found: Found, **fields: str) -> Found:
    return found._replace(ledger=[{**found.ledger[0], **fields}, *found.ledger[1:]])


def uncorrelated(found: Found) -> Found:
    name = first(found, "sms.status_updated", status="delivered")
    lost = {**found.events[name], "metadata": {"type": "sms.status_updated", "correlation": None}}
    return found._replace(events={**found.events, name: lost})


def doubled(found: Found, of: str, **wanted: Any) -> Found:
    return found._replace(events={**found.events, "more": found.events[first(found, of, **wanted)]})


FAILED = STATES.index("failed")

MISTAKES: Iterable[Case[Callable[[Found], Found], str]] = [
    Case("accepted twice", twice, "accepted twice: run/"),
    Case("accepted and nobody's", of_nobody, "accepted, and of nobody"),
    Case("another text", lambda found: another_row(found, message="another"), "accepted as something else"),
    Case("another number", lambda found: another_row(found, recipient="27"), "accepted as something else"),
    Case("another id", lambda found: another_row(found, id="another"), "accepted under another message id"),
    Case("lost by the provider", lambda found: found._replace(ledger=found.ledger[1:]), "not in the ledger"),
    Case("lost by us", lambda found: found._replace(entries=found.entries[1:]), "of no known end: run/"),
    Case("not in the journal", lambda found: found._replace(entries=found.entries[1:]), "and not in the journal"),
    Case("still sending", lambda found: changed(found, 0, state="sending"), "of no known end: run/"),
    Case("accepted and failed", lambda found: changed(found, 0, state="failed"), "accepted, and said to be rejected"),
    Case("another content", lambda found: changed(found, 0, digest="x"), "in the journal with another content"),
    Case("not asked for", lambda found: changed(found, 0, command_id="other"), "in the journal, and not asked for"),
    Case("two entries", lambda found: found._replace(entries=[*found.entries, found.entries[0]]), "two entries of"),
    Case(
        "an outcome not told",
        lambda found: without(found, first(found, "sms.status_updated", status="accepted")),
        "not told as the journal has it: run/",
    ),
    Case(
        "an outcome told twice",
        lambda found: doubled(found, "sms.status_updated", status="unknown"),
        "not told as the journal has it: run/",
    ),
    Case("told as another", lambda found: changed(found, FAILED, state="unknown"), "not told as the journal has it"),
    Case(
        "a report lost",
        lambda found: without(found, first(found, "sms.status_updated", status="delivered")),
        "callbacks not told as they were sent: run/",
    ),
    Case(
        "a report twice",
        lambda found: doubled(found, "sms.status_updated", status="sent"),
        "callbacks not told as they were sent: run/",
    ),
    Case("a reply lost", lambda found: without(found, first(found, "sms.received")), "callbacks not told"),
    Case("a report of nobody", uncorrelated, "1 callbacks of which nobody knows the command"),
    Case(
        "a refusal lost",
        lambda found: without(found, first(found, "command.rejected", field="to")),
        "not refused as it should be: run/",
    ),
    Case("a refusal twice", lambda found: doubled(found, "command.rejected", field="to"), "not refused as it should"),
    Case(
        "no command, not told",
        lambda found: without(found, first(found, "command.rejected", command_id=None)),
        "2 events of what is no command, 3 were given",
    ),
    Case("a rejection not told", lambda found: found._replace(rejections=[]), "0 rejections in the journal"),
    Case("answered otherwise", lambda found: found._replace(answers=[(SENT[0].id, {"state": "failed"})]), "answered"),
    Case("a dead letter lost", lambda found: found._replace(dead_letters=[]), "0 dead letters, 3 of what is no"),
    Case("a dead letter more", lambda found: found._replace(dead_letters=[*PLAN.malformed, "x"]), "4 dead letters"),
    Case("a queue not empty", lambda found: found._replace(waiting={"later": 2}), "2 messages are left on later"),
    Case("callbacks given up", lambda found: found._replace(gave_up=1), "gave 1 callbacks up"),
    Case("lost without a word", lambda found: found._replace(published_by_keys=1), "1 events did not come"),
]


@table("case", MISTAKES)
def test_a_mistake_is_found(case: Case[Callable[[Found], Found], str]) -> None:
    problems = reconcile(PLAN, case.given(ideal())).problems
    assert any(case.expected in problem for problem in problems), problems


def test_what_the_stream_did_not_bring_again_may_be_published_by_hand() -> None:
    found = ideal()._replace(published_by_keys=2, reported_by_publish=3)
    assert reconcile(PLAN, found) == Reckoning(reconcile(PLAN, found).counts, [])


# --- the plan --------------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_and_another_another() -> None:
    assert make_plan(200, 1, "run") == make_plan(200, 1, "run")
    assert make_plan(200, 1, "run").givings != make_plan(200, 2, "run").givings


@pytest.mark.parametrize("mixed", [True, False])
def test_everything_is_given_and_some_of_it_again(mixed: bool) -> None:  # noqa: FBT001  # a parameter of pytest's
    plan = make_plan(2000, 5, "run", mixed=mixed)
    times: Counter[str] = Counter()
    for giving in (*plan.givings, *plan.later):
        if isinstance(giving.document, dict):
            messages = giving.document.get("messages", [giving.document])
            times.update(message["id"] for message in messages)
    assert times.keys() == plan.asked.keys()
    assert 0.03 < sum(count > 1 for count in times.values()) / 2000 < 0.12
    assert {giving.way for giving in plan.givings} == set(Way)
    assert {one.refused for one in plan.asked.values()} == {"", *REFUSED}
    assert plan.contradictions
    assert bool(plan.later) is not mixed
