"""The commands of a load run and how each is given: the same seed gives the same, but for the run's name in ids."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import count
from random import Random
from typing import Any, NamedTuple

from hookline import sms

type Document = dict[str, Any]

TOO_LONG = "x" * (10 * sms.GSM_PART + 1)
"""11 segments, where an account allows 10."""

NOT_A_NUMBER = ("+2712", "nobody", "082 555 1234", "+27 82 ABC 1234")
TEXTS = (
    "Your order is on its way.",
    "Lesotho: R1 500 {paid} [thank you] ~ 100 €",
    "Jou bestelling is op pad, dankie môre ✓",
    "Two segments: " + "word " * 35,
)

REFUSED = {
    "to": 0.02,
    "text": 0.005,
    "send_at": 0.004,
    "account": 0.003,
    "sender": 0.002,
    "command": 0.002,
}
"""Which field makes Hookline refuse a command, and how often."""

OF_ONE_MESSAGE = {"", "to", "text"}
"""What can be wrong with a batch's message by itself; the other fields are the whole batch's."""

INVALID_AT_PROVIDER = 0.01
REPLY_PLEASE = 0.01
REPEATED = 0.06
CONTRADICTED = 0.005
MALFORMED = 0.001
IN_A_BATCH = 0.55
BATCH_SIZES = (20, 250)


class Way(StrEnum):
    """How a command is given."""

    QUEUE = "on the queue"
    BATCH = "in a batch on the queue"
    BUS = "on the bus"
    INVOKE = "by direct invocation"


class Asked(NamedTuple):
    """One command for one SMS.

    Attributes:
        id: its id.
        document: as it is given by itself.
        refused: the field that Hookline refuses it for; "" where it is to be sent.
    """

    id: str
    document: Document
    refused: str = ""


class Giving(NamedTuple):
    """One command given once; `document` is a text where it is no command at all."""

    way: Way
    document: Document | str


class Plan(NamedTuple):
    """A run.

    Attributes:
        account: whose commands they are.
        nobody: the name of an account that there is not.
        asked: every command, by id.
        contradictions: by id, a second command of that id with another content.
        givings: what is given, in this order.
        later: what is given once nothing of that moves any more.
        malformed: the bodies among them that are no command.
    """

    account: str
    nobody: str
    asked: Mapping[str, Asked]
    contradictions: Mapping[str, Asked]
    givings: Sequence[Giving]
    later: Sequence[Giving]
    malformed: Sequence[str]


def make_plan(commands: int, seed: int, run: str, *, mixed: bool = True) -> Plan:
    """Plan a run of so many commands, besides repeats, contradictions and what is no command.

    Where it is not `mixed`, repeats and contradictions are given later: a repeat that meets the first while that is
    being sent waits for two minutes.
    """
    chance = Random(seed)  # noqa: S311  # reproducible is the point
    account, nobody = f"load-{run}", f"nobody-{run}"
    asked = [_asked(f"{run}/{number}", account, nobody, chance) for number in range(1, commands + 1)]
    in_batches = [one for one in asked if one.refused in OF_ONE_MESSAGE and chance.random() < IN_A_BATCH]
    alone = {one.id: one for one in asked}
    for one in in_batches:
        del alone[one.id]
    givings = [Giving(Way.BATCH, document) for document in _batches(in_batches, run, account, chance)]
    givings += [_given_alone(one, chance) for one in alone.values()]
    again = [_given_alone(one, chance) for one in asked for _ in range(_times(chance))]
    once = _given_once([*givings, *again], asked)
    contradictions = {one.id: _contradicted(one) for one in once if chance.random() < CONTRADICTED}
    again += [Giving(Way.QUEUE, one.document) for one in contradictions.values()]
    malformed = [_malformed(number, run, account) for number in range(max(3, round(commands * MALFORMED)))]
    givings += [Giving(Way.QUEUE, body) for body in malformed]
    if mixed:
        givings, again = [*givings, *again], []
    chance.shuffle(givings)
    chance.shuffle(again)
    return Plan(account, nobody, {one.id: one for one in asked}, contradictions, givings, again, malformed)


def _times(chance: Random) -> int:
    """Say how many more times a command is given."""
    return next(times for times in count() if chance.random() >= REPEATED)


def _asked(command_id: str, account: str, nobody: str, chance: Random) -> Asked:
    document = {
        "command": "send_sms",
        "id": command_id,
        "account": account,
        "to": _number(chance),
        "text": chance.choice(TEXTS) + (" Reply please." if chance.random() < REPLY_PLEASE else ""),
        "reference": f"reference of {command_id}",
    }
    refused = _choose(REFUSED, chance)
    match refused:
        case "to":
            document["to"] = chance.choice(NOT_A_NUMBER)
        case "text":
            document["text"] = chance.choice(("", "   ", TOO_LONG))
        case "send_at":
            document["send_at"] = "2020-01-01T10:00:00+02:00"
        case "account":
            document["account"] = nobody
        case "sender":
            document["sender"] = "Acme"
        case "command":
            document = {"command": "look_up_carrier", "id": command_id, "account": account, "number": document["to"]}
    return Asked(command_id, document, refused)


def _number(chance: Random) -> str:
    prefix = f"+27{chance.choice(('72', '73', '82', '83', '84'))}{chance.randrange(10)}"
    if chance.random() < INVALID_AT_PROVIDER:
        return f"{prefix}990400"  # the stand-in takes it for invalid
    return f"{prefix}{chance.randrange(989_999):06}"


def _choose(probabilities: Mapping[str, float], chance: Random) -> str:
    point = chance.random()
    for name, probability in probabilities.items():
        point -= probability
        if point < 0:
            return name
    return ""


def _batches(asked: Sequence[Asked], run: str, account: str, chance: Random) -> Iterator[Document]:
    rest = list(asked)
    number = 0
    while rest:
        number += 1
        size = chance.randint(*BATCH_SIZES)
        part, rest = rest[:size], rest[size:]
        messages = [{name: one.document[name] for name in ("id", "to", "text", "reference")} for one in part]
        yield {"command": "send_sms_batch", "id": f"{run}/batch-{number}", "account": account, "messages": messages}


def _given_alone(one: Asked, chance: Random) -> Giving:
    way = Way(_choose({Way.BUS: 0.06, Way.INVOKE: 0.04}, chance) or Way.QUEUE)
    # One refusal is one event for each content; naming the provider is another content.
    named = {"provider": "zoom_connect"} if way is Way.BUS and not one.refused and chance.random() < 1 / 2 else {}
    return Giving(way, one.document | named)


def _given_once(givings: Sequence[Giving], asked: Sequence[Asked]) -> list[Asked]:
    """Find what is given once, on the queue and to be sent: whichever of two contents loses, one event says so."""
    times = Counter(giving.document["id"] for giving in givings if isinstance(giving.document, dict))
    ways = {giving.document["id"]: giving.way for giving in givings if isinstance(giving.document, dict)}
    return [one for one in asked if times[one.id] == 1 and ways[one.id] is Way.QUEUE and not one.refused]


def _contradicted(one: Asked) -> Asked:
    return Asked(one.id, one.document | {"text": f"{one.document['text']} No, wait."}, "id")


def _malformed(number: int, run: str, account: str) -> str:
    kinds = (
        f'{{"command": "send_sms", "id": "{run}/malformed-{number}"',
        f"nothing of a command {run} {number}",
        f'{{"command": "send_sms", "id": "no id {number}", "account": "{account}", "to": "+27825550000", "text": "x"}}',
        f'{{"command": "send_fax", "id": "{run}/malformed-{number}", "account": "{account}"}}',
    )
    return kinds[number % len(kinds)]
