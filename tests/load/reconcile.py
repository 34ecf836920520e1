"""What was given and what is found afterwards, held against each other: every command has to be accounted for, once.

Three witnesses that don't know of each other: the stand-in's ledger of what it accepted, the journal, and the events
in a subscriber's queue; and the dead-letter queues.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from hookline.commands import SendSms, command_token, read_command
from hookline.numbers import e164
from tests.load.plan import Asked, Plan, Way

type Detail = Mapping[str, Any]
type Row = Mapping[str, Any]

OUTCOMES = {"succeeded": "accepted", "failed": "rejected", "unknown": "unknown"}
"""A command's state in the journal, and the status that its event says."""

REPLY_MARKER = "reply please"
MAX_SHOWN = 5


class Found(NamedTuple):
    """What there is after a run.

    Attributes:
        ledger: the rows of the stand-in's ledger that are of this run's account.
        entries: the journal's commands of this run, as plain values.
        rejections: the journal's rejections of this run, as plain values.
        events: the events' details by `metadata.id`, of this run's accounts.
        copies: how many events came in all.
        answers: what direct invocations were answered, with the command's id.
        dead_letters: the bodies on the command dead-letter queue.
        waiting: how many messages other queues hold that should be empty, by the queue's name.
        gave_up: how many callbacks the stand-in gave up.
        published_by_keys: how many events came only after their entries were published by their keys.
        reported_by_publish: how many events `publish` said it could not hand to the bus, and must come again.
        kept: what the journal keeps besides: open commands, links from providers' ids, what is at stake of a day.
    """

    ledger: Sequence[Row]
    entries: Sequence[Mapping[str, Any]]
    rejections: Sequence[Mapping[str, Any]]
    events: Mapping[str, Detail]
    copies: int
    answers: Sequence[tuple[str, Mapping[str, Any]]]
    dead_letters: Sequence[str]
    waiting: Mapping[str, int]
    gave_up: int
    published_by_keys: int = 0
    reported_by_publish: int = 0
    kept: Sequence[Mapping[str, Any]] = ()


class Fate(StrEnum):
    """What became of a command; each has one."""

    ACCEPTED = "accepted by the provider"
    REFUSED_BY_PROVIDER = "rejected by the provider"
    REFUSED = "rejected by Hookline"
    UNKNOWN = "unknown"


class Reckoning(NamedTuple):
    """How a run went.

    Attributes:
        counts: what was counted, by its name, in the order of the table.
        problems: what does not reconcile, in words; empty where everything does.
    """

    counts: Mapping[str, int]
    problems: Sequence[str]


def reconcile(plan: Plan, found: Found) -> Reckoning:
    """Hold everything against everything."""
    entries = {str(entry["command_id"]): entry for entry in found.entries}
    rows = _rows_by_id(plan, found)
    fates = {one.id: _fate(one, entries.get(one.id)) for one in plan.asked.values()}
    problems = [
        *_problems_of_the_ledger(found, rows, entries),
        *_problems_of_the_journal(plan, found, entries, fates, _digest),
        *_problems_of_outcomes(plan, found, entries),
        *_problems_of_rejections(plan, found),
        *_problems_of_callbacks(found, rows),
        *_problems_of_answers(found, entries),
        *_problems_of_queues(plan, found),
    ]
    return Reckoning(_count(plan, found, rows, fates), problems)


def _fate(one: Asked, entry: Mapping[str, Any] | None) -> Fate | None:
    if one.refused:
        return Fate.REFUSED if entry is None else None
    state = str(entry["state"]) if entry else ""
    return {"succeeded": Fate.ACCEPTED, "failed": Fate.REFUSED_BY_PROVIDER, "unknown": Fate.UNKNOWN}.get(state)


def _rows_by_id(plan: Plan, found: Found) -> dict[str, list[Row]]:
    of_token = {command_token(command_id): command_id for command_id in plan.asked}
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in found.ledger:
        rows[of_token.get(str(row["dataField"]), "")].append(row)
    return rows


def _problems_of_the_ledger(
    found: Found, rows: Mapping[str, Sequence[Row]], entries: Mapping[str, Mapping[str, Any]]
) -> Iterable[str]:
    """The provider accepted nothing twice, nothing that was not asked for, and what was asked for as it was asked."""
    yield from _each("accepted twice", [name for name, of in rows.items() if name and len(of) > 1])
    yield from _each("accepted, and of nobody", [str(row["id"]) for row in rows.get("", [])])
    for command_id, of in rows.items():
        entry = entries.get(command_id)
        if not command_id or entry is None:
            yield from _each("accepted, and not in the journal", [command_id] if command_id else [])
            continue
        command = json.loads(entry["command"])
        wanted = (command["to"].removeprefix("+"), command["text"])
        yield from _each(
            "accepted as something else", [command_id] * any((r["recipient"], r["message"]) != wanted for r in of)
        )
        if entry["state"] == "failed":
            yield f"accepted, and said to be rejected: {command_id}"
        message_id = json.loads(entry["outcome"]).get("facts", {}).get("message_id")
        if entry["state"] == "succeeded" and message_id != of[0]["id"]:
            yield f"accepted under another message id: {command_id}"
    succeeded = [entry["command_id"] for entry in found.entries if entry["state"] == "succeeded"]
    yield from _each("said to be accepted, and not in the ledger", [name for name in succeeded if name not in rows])


def _problems_of_the_journal(
    plan: Plan,
    found: Found,
    entries: Mapping[str, Mapping[str, Any]],
    fates: Mapping[str, Fate | None],
    digest_of: Callable[[Asked], str],
) -> Iterable[str]:
    """There is one entry for each command that was to be sent, none for another, and each is at its end."""
    yield from _each("of no known end", [name for name, fate in fates.items() if fate is None])
    yield from _each("in the journal, and not asked for", [name for name in entries if name not in plan.asked])
    if len(entries) != len(found.entries):
        yield "two entries of one id in the journal"
    for name, entry in entries.items():
        contents = [one for one in (plan.asked.get(name), plan.contradictions.get(name)) if one is not None]
        if entry["digest"] not in {digest_of(one) for one in contents}:
            yield f"in the journal with another content: {name}"


def _problems_of_outcomes(plan: Plan, found: Found, entries: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
    """Each command's outcome is one event, which says what the journal says."""
    told: dict[str, list[str]] = defaultdict(list)
    for detail in found.events.values():
        if detail["metadata"]["type"] == "sms.status_updated" and _is_outcome(detail):
            told[_command_of(detail)].append(detail["data"]["status"])
            reference = (
                plan.asked[_command_of(detail)].document.get("reference") if _command_of(detail) in plan.asked else None
            )
            if detail["metadata"]["correlation"]["reference"] != reference:
                yield f"an outcome with another reference: {_command_of(detail)}"
    wanted = {name: [OUTCOMES.get(str(entry["state"]), "?")] for name, entry in entries.items()}
    names = sorted(wanted.keys() | told.keys())
    yield from _each(
        "not told as the journal has it", [name for name in names if wanted.get(name, []) != told.get(name, [])]
    )


def _problems_of_rejections(plan: Plan, found: Found) -> Iterable[str]:
    """Each refusal is one event, which names the field; nothing else was refused."""
    wanted: Counter[tuple[str, str]] = Counter((one.id, one.refused) for one in plan.asked.values() if one.refused)
    wanted.update((name, "id") for name in plan.contradictions)
    events = [detail for detail in found.events.values() if detail["metadata"]["type"] == "command.rejected"]
    of_commands = [it for it in events if it["data"]["command_id"] in plan.asked]
    told = Counter((it["data"]["command_id"], it["data"]["field"] or "") for it in of_commands)
    differing = (wanted - told) + (told - wanted)
    yield from _each("not refused as it should be", [f"{name} ({field})" for name, field in differing])
    others = len(events) - len(of_commands)
    if others != len(plan.malformed):
        yield f"{others} events of what is no command, {len(plan.malformed)} were given"
    if len(found.rejections) != len(events):
        yield f"{len(found.rejections)} rejections in the journal, {len(events)} events of them"


def _problems_of_callbacks(found: Found, rows: Mapping[str, Sequence[Row]]) -> Iterable[str]:
    """Each callback of an accepted message is one event, which names the command."""
    wanted = {name: _callbacks_of(of) for name, of in rows.items() if name}
    told: dict[str, Counter[str]] = defaultdict(Counter)
    lost = 0
    for detail in found.events.values():
        if not _is_callback(detail):
            continue
        if detail["metadata"]["correlation"] is None:
            lost += 1
            continue
        told[_command_of(detail)][detail["data"].get("status") or "reply"] += 1
    if lost:
        yield f"{lost} callbacks of which nobody knows the command"
    names = sorted(wanted.keys() | told.keys())
    wrong = [name for name in names if wanted.get(name, Counter()) != told.get(name, Counter())]
    yield from _each("callbacks not told as they were sent", wrong)
    if found.gave_up:
        yield f"the stand-in gave {found.gave_up} callbacks up"


def _problems_of_answers(found: Found, entries: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
    """Whoever asked directly was told what the journal has, unless it was still open."""
    for command_id, answer in found.answers:
        state, entry = answer.get("state"), entries.get(command_id)
        if state in OUTCOMES and (entry is None or entry["state"] != state):
            yield f"answered {state}, and not so in the journal: {command_id}"


def _problems_of_queues(plan: Plan, found: Found) -> Iterable[str]:
    """On the dead-letter queue is what is no command, and nothing else; no other queue holds anything."""
    if Counter(found.dead_letters) != Counter(plan.malformed):
        yield f"{len(found.dead_letters)} dead letters, {len(plan.malformed)} of what is no command were given"
    yield from (f"{count} messages are left on {name}" for name, count in found.waiting.items() if count)
    if found.published_by_keys > found.reported_by_publish:
        yield f"{found.published_by_keys} events did not come, and publish spoke of {found.reported_by_publish}"


def _callbacks_of(rows: Iterable[Row]) -> Counter[str]:
    """Say which callbacks the stand-in's modes make of accepted messages; the same bytes twice are one."""
    callbacks: Counter[str] = Counter()
    for row in rows:
        modes = set(row["mode"].split(","))
        if "no_report" not in modes:
            times = 2 if "duplicate_new_nonce" in modes else 1
            callbacks.update({"sent": times, "failed" if "failed_report" in modes else "delivered": times})
        if "reply" in modes or REPLY_MARKER in row["message"].lower():
            callbacks["reply"] += 1
    return callbacks


def _is_outcome(detail: Detail) -> bool:
    return detail["data"]["status"] in OUTCOMES.values()


def _is_callback(detail: Detail) -> bool:
    kind = detail["metadata"]["type"]
    return kind == "sms.received" or (kind == "sms.status_updated" and not _is_outcome(detail))


def _command_of(detail: Detail) -> str:
    return str((detail["metadata"]["correlation"] or {}).get("command_id"))


def _digest(one: Asked) -> str:
    command = read_command(one.document)
    if isinstance(command, SendSms):
        command = command.model_copy(update={"to": e164(command.to)})
    return command.digest


def _each(problem: str, names: Sequence[str]) -> Iterable[str]:
    if names:
        more = f" and {len(names) - MAX_SHOWN} more" if len(names) > MAX_SHOWN else ""
        yield f"{problem}: {', '.join(names[:MAX_SHOWN])}{more}"


def _count(
    plan: Plan, found: Found, rows: Mapping[str, Sequence[Row]], fates: Mapping[str, Fate | None]
) -> dict[str, int]:
    ways = Counter(giving.way for giving in (*plan.givings, *plan.later))
    of_fates = Counter(fates.values())
    unknown = [name for name, fate in fates.items() if fate is Fate.UNKNOWN]
    kinds = Counter(detail["metadata"]["type"] for detail in found.events.values())
    outcomes = sum(
        map(_is_outcome, (it for it in found.events.values() if it["metadata"]["type"] == "sms.status_updated"))
    )
    return {
        "commands submitted": len(plan.asked),
        **{f"  {fate.value}": of_fates[fate] for fate in Fate},
        "  of no known end": of_fates[None],
        "unknown, and the provider had accepted it": sum(name in rows for name in unknown),
        "unknown, and it had not": sum(name not in rows for name in unknown),
        **{f"given {way.value}": ways[way] for way in Way},
        "commands given more than once": sum(times > 1 for times in _times(plan).values()),
        "ids with two contents": len(plan.contradictions),
        "bodies that are no command": len(plan.malformed),
        "rows in the provider's ledger": len(found.ledger),
        "  accepted twice": sum(len(of) > 1 for name, of in rows.items() if name),
        "commands in the journal": len(found.entries),
        "events, each id once": len(found.events),
        "  copies that came besides": found.copies - len(found.events),
        "  outcomes of sends": outcomes,
        "  delivery reports": kinds["sms.status_updated"] - outcomes,
        "  replies": kinds["sms.received"],
        "  command.rejected": kinds["command.rejected"],
        "  published by their keys": found.published_by_keys,
        "command dead letters": len(found.dead_letters),
        "other messages left anywhere": sum(found.waiting.values()),
    }


def _times(plan: Plan) -> Counter[str]:
    times: Counter[str] = Counter()
    for giving in (*plan.givings, *plan.later):
        if isinstance(giving.document, dict):
            messages = giving.document.get("messages")
            times.update([message["id"] for message in messages] if messages else [giving.document["id"]])
    return times
