"""What was given to Zorya and what is found afterwards, held against each other: money first.

The witnesses: the stand-in's ledger of what it charged, and its counts of how it treated calls; the journal, with its
list of open commands, its links from the provider's ids and its count of what is at stake; the events in a subscriber's
queue; the dead letters.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from hookline.command_journal import LINK, OPEN, STAKES
from hookline.commands import command_token
from tests.load.plan import Plan, Way
from tests.load.reconcile import (
    Detail,
    Fate,
    Found,
    Reckoning,
    Row,
    _command_of,
    _each,
    _fate,
    _problems_of_queues,
    _problems_of_rejections,
    _problems_of_the_journal,
    _times,
)
from tests.load.zorya_plan import CAMPAIGN_AMOUNT, digest_of

NEVER_TAKEN = frozenset({"500", "timeout_before", "garbage_before"})
"""How the stand-in treats a call of which nobody knows, and that it took nothing of."""

LOST = frozenset({"timeout_after", "reset_after", "close_after", "500_after", "garbage"})
"""How it treats one that it took, and of which nobody knows: a question is asked again, a look-up paid for again."""

TOP_UP_CALLS = frozenset({"executeTopUp", "executeDirectTopUp", "executeTopUpCamp"})
MESSAGE_CALLS = frozenset({"sendSms", "sendSmsFlash", "sendSmsLight"})
DEFAULT_STATUS = {"succeeded": "accepted", "failed": "rejected", "unknown": "unknown"}
ANSWERS = {"look_up_carrier": "carrier.looked_up", "get_balance": "balance.reported"}
UPDATES = {"send_sms": "sms.status_updated", "top_up": "top_up.status_updated"}

type Calls = Mapping[tuple[str, str], int]


class _Entry(NamedTuple):
    """A command's entry, read."""

    id: str
    kind: str
    state: str
    command: Mapping[str, Any]
    outcome: Mapping[str, Any]
    stake: Decimal

    @property
    def facts(self) -> Mapping[str, Any]:
        return self.outcome.get("facts") or {}

    @property
    def settled_by(self) -> str:
        return str(self.outcome.get("settled", {}).get("by", ""))

    @property
    def transaction(self) -> str:
        """The provider's id of it: of a refused one too."""
        of_facts = self.facts.get("transaction_id") or self.facts.get("message_id")
        return str(of_facts or self.outcome.get("provider_data", {}).get("txID") or "")

    @property
    def number(self) -> str:
        return str(self.command.get("to") or self.command.get("number") or "").removeprefix("+")

    @property
    def amount(self) -> Decimal:
        return Decimal(self.command.get("amount") or CAMPAIGN_AMOUNT)


class _Books(NamedTuple):
    """Everything, by what it is looked up by."""

    entries: Mapping[str, _Entry]
    rows: Mapping[str, Sequence[Row]]
    owners: Mapping[str, Sequence[_Entry]]

    def of_kind(self, kind: str, *states: str) -> list[_Entry]:
        return [it for it in self.entries.values() if it.kind == kind and it.state in states]


def reconcile(plan: Plan, found: Found, calls: Calls) -> Reckoning:
    """Hold everything against everything; `calls` are those of the run, by the stand-in's counts."""
    raw = {str(entry["command_id"]): entry for entry in found.entries}
    books = _books(found)
    fates = {one.id: _fate(one, raw.get(one.id)) for one in plan.asked.values()}
    problems = [
        *_problems_of_money(books, calls),
        *_problems_of_messages(books, calls),
        *_problems_of_look_ups(books),
        *_problems_of_what_is_kept(found, books),
        *_problems_of_the_journal(plan, found, raw, fates, digest_of),
        *_problems_of_outcomes(found, books),
        *_problems_of_rejections(plan, _without_outcomes(found, books)),
        *_problems_of_callbacks(found, books),
        *_problems_of_answers(found, books),
        *_problems_of_queues(plan, found),
    ]
    return Reckoning(_count(plan, found, books, fates, calls), problems)


def _books(found: Found) -> _Books:
    entries = {str(entry["command_id"]): _read(entry) for entry in found.entries}
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in found.ledger:
        rows[str(row["kind"])].append(row)
    owners: dict[str, list[_Entry]] = defaultdict(list)
    for entry in entries.values():
        if entry.kind in UPDATES and entry.transaction:
            owners[entry.transaction].append(entry)
    return _Books(entries, rows, owners)


def _read(entry: Mapping[str, Any]) -> _Entry:
    return _Entry(
        id=str(entry["command_id"]),
        kind=str(entry["kind"]),
        state=str(entry["state"]),
        command=json.loads(entry["command"]),
        outcome=json.loads(entry.get("outcome", "{}")),
        stake=Decimal(entry.get("stake_amount", 0)),
    )


def _modes(row: Row) -> set[str]:
    return set(row["mode"].split(","))


# --- money -----------------------------------------------------------------------------------------------------------


def _problems_of_money(books: _Books, calls: Calls) -> Iterable[str]:
    """Each charge is one command's, each success is charged; what was never taken, and nothing else, is unknown."""
    rows = {str(row["txID"]): row for row in books.rows["top_up"]}
    yield from _each("charged, and of nobody", [name for name in rows if not books.owners.get(name)])
    yield from _each("one charge of two commands", [name for name, of in books.owners.items() if len(of) > 1])
    for name, row in rows.items():
        for owner in books.owners.get(name, []):
            if (owner.number, owner.amount) != (row["msisdn"], Decimal(row["amount"])):
                yield f"charged as something else: {owner.id}"
            fails = "failed" in _modes(row)
            if owner.state != "succeeded" and not (owner.state == "failed" and fails and owner.settled_by):
                yield f"charged, and said to be {owner.state}: {owner.id}"
    succeeded = books.of_kind("top_up", "succeeded")
    yield from _each("succeeded, and not charged", [it.id for it in succeeded if it.transaction not in rows])
    failed = [it for it in books.of_kind("top_up", "failed") if it.settled_by and it.transaction not in rows]
    yield from _each("settled as failed, and never taken", [it.id for it in failed])
    refunds = Counter(str(row["txID"]) for row in books.rows["refund"])
    if refunds != Counter(name for name, row in rows.items() if "failed" in _modes(row)):
        yield "money that came back is not that of the top-ups that failed"
    yield from _problems_of_unknown(
        "top_up", books.of_kind("top_up", "unknown"), _never_taken(calls, TOP_UP_CALLS, books.rows["top_up"])
    )


def _problems_of_unknown(kind: str, unknown: Sequence[_Entry], never: int) -> Iterable[str]:
    """As many are unknown as the stand-in left undone without a word, and those whose sender died on the way to it."""
    if not len(unknown) - sum(map(_is_interrupted, unknown)) <= never <= len(unknown):
        yield f"{len(unknown)} {kind} are unknown, and the stand-in left {never} undone without a word"


def _is_interrupted(entry: _Entry) -> bool:
    return entry.outcome.get("why") == "interrupted"


def _never_taken(calls: Calls, methods: Iterable[str], rows: Iterable[Row]) -> int:
    """Count the calls of which nobody knows, and that nothing was taken of.

    A lost answer too can have been that the token was not good: then the ledger has no row of it.
    """
    before, lost = (
        sum(number for (method, label), number in calls.items() if method in methods and modes & set(label.split(",")))
        for modes in (NEVER_TAKEN, LOST)
    )
    return before + lost - sum(bool(LOST & _modes(row)) for row in rows)


def _problems_of_messages(books: _Books, calls: Calls) -> Iterable[str]:
    """Each message went out once; unknown is what was never taken, and what no callback ever spoke of."""
    of_number = {it.number: it for it in books.entries.values() if it.kind == "send_sms"}
    rows = Counter(str(row["msisdn"]) for row in books.rows["sms"])
    yield from _each("sent twice", [of_number[to].id for to, times in rows.items() if times > 1 and to in of_number])
    yield from _each("sent, and of nobody", [to for to in rows if to not in of_number])
    silent: set[str] = set()
    wrong: dict[str, list[str]] = defaultdict(list)
    for row in books.rows["sms"]:
        entry, modes = of_number.get(str(row["msisdn"])), _modes(row)
        if entry is None:
            continue
        if entry.command["text"] != row["message"]:
            wrong["sent as something else"].append(entry.id)
        if entry.state == "unknown" and "no_callback" in modes and LOST & modes:
            silent.add(entry.id)
        elif entry.state not in {"succeeded", "failed"}:
            wrong[f"sent, and {entry.state}"].append(entry.id)
        elif entry.transaction != ("" if "no_txid" in modes else row["txID"]):
            wrong["sent under another id"].append(entry.id)
        if entry.state == "failed" and not (entry.settled_by and "failed" in modes):
            wrong["sent, and said to be rejected"].append(entry.id)
    for problem, names in wrong.items():
        yield from _each(problem, names)
    succeeded = books.of_kind("send_sms", "succeeded")
    yield from _each("said to be sent, and was not", [it.id for it in succeeded if it.number not in rows])
    unknown = [it for it in books.of_kind("send_sms", "unknown") if it.id not in silent]
    yield from _problems_of_unknown("send_sms", unknown, _never_taken(calls, MESSAGE_CALLS, books.rows["sms"]))


def _problems_of_look_ups(books: _Books) -> Iterable[str]:
    """Each was paid for once, and once more for each answer that was lost: a question is asked again."""
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in books.rows["lookup"]:
        rows[str(row["msisdn"])].append(row)
    entries = {it.number: it for it in books.entries.values() if it.kind == "look_up_carrier"}
    yield from _each("looked up, and of nobody", [to for to in rows if to not in entries])
    for to, entry in entries.items():
        answered = [row for row in rows[to] if not LOST & _modes(row)]
        known = [str(row["txID"]) for row in answered]
        if known != ([entry.facts.get("transaction_id")] if entry.state == "succeeded" else []):
            yield f"not looked up as the journal has it: {entry.id}"


def _problems_of_what_is_kept(found: Found, books: _Books) -> Iterable[str]:
    """The list of open commands is what is unknown; links lead where the ids do; the stake is what may be spent."""
    tokens = {command_token(name): entry for name, entry in books.entries.items()}
    listed = {str(item["sk"]).rpartition("#")[2] for item in found.kept if item["entry"] == OPEN}
    unknown = {name for name, it in tokens.items() if it.kind in UPDATES and it.state == "unknown"}
    without_id = {
        name
        for name, it in tokens.items()
        if it.kind == "send_sms" and it.state == "succeeded" and "message_id" not in it.facts
    }
    if not unknown <= listed <= unknown | without_id:  # of one without an id a callback may still come, or has come
        yield f"{len(listed)} commands are in the list of open ones, and not those that are unknown"
    links = {
        str(item["pk"]).rpartition("#")[2]: str(item["token"])
        for item in found.kept
        if item["entry"] == LINK and "token" in item
    }
    wanted = {name: command_token(of[0].id) for name, of in books.owners.items() if len(of) == 1}
    differing = [name for name in links.keys() | wanted.keys() if links.get(name) != wanted.get(name)]
    # A refused message has an id too, and needs no link: nobody looks for it.
    refused = {it.transaction for it in books.of_kind("send_sms", "failed") if not it.settled_by}
    yield from _each("ids that lead elsewhere than the journal says", sorted(set(differing) - refused))
    staked = sum((Decimal(item["total"]) for item in found.kept if item["entry"] == STAKES), Decimal(0))
    spent = sum((it.stake for it in books.of_kind("top_up", "succeeded", "unknown")), Decimal(0))
    asked = sum((it.amount for it in books.of_kind("top_up", "succeeded", "unknown")), Decimal(0))
    if not staked == spent == asked:
        yield f"{staked} are counted for the day's ceiling, {spent} are staked, {asked} were asked for"


# --- what is told ----------------------------------------------------------------------------------------------------


def _problems_of_outcomes(found: Found, books: _Books) -> Iterable[str]:
    """Each outcome is one event, which says what the journal says; of what was settled, so is that it was unknown."""
    told: dict[str, Counter[str]] = defaultdict(Counter)
    for detail in found.events.values():
        if not _is_outcome(detail, books):
            continue
        name = _command_of(detail)
        told[name][f"{detail['metadata']['type']} {detail['data'].get('status', '')}".strip()] += 1
        entry = books.entries.get(name)
        if entry is not None and detail["metadata"]["correlation"]["reference"] != entry.command.get("reference"):
            yield f"an outcome with another reference: {name}"
    wanted = {name: Counter(_outcomes(entry)) for name, entry in books.entries.items()}
    names = sorted(wanted.keys() | told.keys())
    differing = [name for name in names if wanted.get(name, Counter()) != told[name]]
    overtaken = [name for name in differing if _is_overtaken(wanted.get(name, Counter()), told[name])]
    yield from _each("not told as the journal has it", [name for name in differing if name not in overtaken])
    if found.published_by_keys + len(overtaken) > found.reported_by_publish:
        yield from _each("not told that it was unknown, though publish lost nothing", overtaken)


def _is_overtaken(wanted: Counter[str], told: Counter[str]) -> bool:
    """Say whether nothing is missing but that it was unknown: what the stream did not bring again is settled by now."""
    return told <= wanted and all(what.endswith(" unknown") for what in wanted - told)


def _outcomes(entry: _Entry) -> Iterable[str]:
    """Say which events of a command's own there must be: type and status."""
    if entry.kind in ANSWERS:
        yield ANSWERS[entry.kind] if entry.state == "succeeded" else "command.rejected"
        return
    default = "received" if (entry.kind, entry.state) == ("top_up", "succeeded") else DEFAULT_STATUS.get(entry.state)
    yield f"{UPDATES[entry.kind]} {entry.facts.get('status', default)}"
    if entry.settled_by:
        yield f"{UPDATES[entry.kind]} unknown"


def _is_callback(detail: Detail) -> bool:
    return "claims" in detail["provider_data"]


def _is_outcome(detail: Detail, books: _Books) -> bool:
    if _is_callback(detail) or detail["metadata"]["correlation"] is None:
        return False
    if detail["metadata"]["type"] != "command.rejected":
        return True
    entry = books.entries.get(_command_of(detail))
    return detail["data"]["field"] is None and entry is not None and entry.kind in ANSWERS and entry.state == "failed"


def _without_outcomes(found: Found, books: _Books) -> Found:
    """Leave out the events of questions that the provider refused: those are outcomes, not refusals of ours."""
    return found._replace(events={name: it for name, it in found.events.items() if not _is_outcome(it, books)})


def _problems_of_callbacks(found: Found, books: _Books) -> Iterable[str]:
    """Each callback of what was taken is one event; it names the command whose the id is, unless that was unknown."""
    wanted: Counter[tuple[str, str]] = Counter()
    replies: Counter[str] = Counter()
    for row in (*books.rows["top_up"], *books.rows["sms"]):
        wanted.update((str(row["txID"]), status) for status in _callbacks_of(row))
    for row in books.rows["sms"]:
        replies[str(row["msisdn"])] += "reply" in _modes(row) or "reply please" in row["message"].lower()
    told: Counter[tuple[str, str]] = Counter()
    answered: Counter[str] = Counter()
    for detail in filter(_is_callback, found.events.values()):
        data = detail["data"]
        if detail["metadata"]["type"] == "sms.received":
            answered[data["from"].removeprefix("+")] += 1
            continue
        name = data.get("transaction_id") or data["message_id"]
        told[name, data["status"]] += 1
        owners = books.owners.get(name, [])
        correlated = detail["metadata"]["correlation"]
        if correlated is not None and _command_of(detail) not in {it.id for it in owners}:
            yield f"a callback of {_command_of(detail)}, whose it is not"
        if correlated is None and not all(it.settled_by for it in owners):
            yield f"a callback that does not name {owners[0].id}"
    differing = (wanted - told) + (told - wanted)
    yield from _each("callbacks not told as they were sent", [f"{name} {status}" for name, status in differing])
    yield from _each("replies not told as they were sent", sorted(((replies - answered) + (answered - replies)).keys()))
    if found.gave_up:
        yield f"the stand-in gave {found.gave_up} callbacks up"


def _callbacks_of(row: Row) -> list[str]:
    """Say which callbacks the stand-in makes of a row; one that comes twice is one, also where it is signed anew."""
    modes = _modes(row)
    if "no_callback" in modes:
        return []
    if row["kind"] == "sms":
        return ["sent", "failed" if "failed" in modes else "delivered"]
    return ["failed" if "failed" in modes else "succeeded", *(["pending"] if "out_of_order" in modes else [])]


def _problems_of_answers(found: Found, books: _Books) -> Iterable[str]:
    """Whoever asked directly was told what the journal has, unless it was open, or unknown and settled since."""
    for name, answer in found.answers:
        state, entry = answer.get("state"), books.entries.get(name)
        if state not in DEFAULT_STATUS or (entry is not None and entry.state == state):
            continue
        if state != "unknown" or entry is None or not entry.settled_by:
            yield f"answered {state}, and not so in the journal: {name}"


# --- the table -------------------------------------------------------------------------------------------------------


def _count(plan: Plan, found: Found, books: _Books, fates: Mapping[str, Fate | None], calls: Calls) -> dict[str, int]:
    ways = Counter(giving.way for giving in (*plan.givings, *plan.later))
    of_fates = Counter(fates.values())
    kinds = Counter(str(one.document["command"]) for one in plan.asked.values())
    settled = Counter((it.kind, it.settled_by) for it in books.entries.values() if it.settled_by)
    equal = Counter((it.number, it.amount) for it in books.entries.values() if it.kind == "top_up")
    answered = sum(not LOST & _modes(row) for row in books.rows["lookup"])
    types = Counter(detail["metadata"]["type"] for detail in found.events.values())
    callbacks = sum(map(_is_callback, found.events.values()))
    return {
        "commands submitted": len(plan.asked),
        **{f"  {kind}": kinds[kind] for kind in sorted(kinds)},
        **{f"  {fate.value}": of_fates[fate] for fate in Fate},
        "  of no known end": of_fates[None],
        "top-ups given": equal.total(),
        "  equal to another: its number, its amount": sum(times for times in equal.values() if times > 1),
        "  charged": len(books.rows["top_up"]),
        "  charged twice, or of nobody": len(books.rows["top_up"])
        - sum(len(books.owners.get(str(row["txID"]), [])) == 1 for row in books.rows["top_up"]),
        "  unknown at first, settled by the report": settled["top_up", "report"],
        "  unknown at first, settled by a callback": settled["top_up", "callback"],
        "  unknown, and never taken": len(books.of_kind("top_up", "unknown")),
        "  that the stand-in left undone without a word": _never_taken(calls, TOP_UP_CALLS, books.rows["top_up"]),
        "  unknown, for the sender died on its way": sum(map(_is_interrupted, books.of_kind("top_up", "unknown"))),
        "  whose money came back": len(books.rows["refund"]),
        "messages sent": len(books.rows["sms"]),
        "  of which a callback told first": settled["send_sms", "callback"],
        "  unknown, never taken or never spoken of": len(books.of_kind("send_sms", "unknown")),
        "look-ups paid for": len(books.rows["lookup"]),
        "  again, for an answer was lost": len(books.rows["lookup"]) - answered,
        **{f"given {way.value}": ways[way] for way in Way},
        "commands given more than once": sum(times > 1 for times in _times(plan).values()),
        "ids with two contents": len(plan.contradictions),
        "bodies that are no command": len(plan.malformed),
        "commands in the journal": len(found.entries),
        "events, each id once": len(found.events),
        "  copies that came besides": found.copies - len(found.events),
        "  callbacks": callbacks,
        "  command.rejected": types["command.rejected"],
        "  published by their keys": found.published_by_keys,
        "command dead letters": len(found.dead_letters),
        "other messages left anywhere": sum(found.waiting.values()),
    }
