"""The commands of a load run for Zorya: messages, top-ups, look-ups, questions; equal top-ups to one number on purpose.

A top-up carries no reference of ours: what the provider has of it is a number and an amount. So many top-ups here go to
a few numbers with one amount, where only counting tells whether each was paid for once.
"""

from random import Random
from typing import Any

from hookline.commands import read_command
from hookline.providers.zorya.rest import SENDING
from hookline.sending import SendingAccount
from tests.load.plan import (
    CONTRADICTED,
    IN_A_BATCH,
    MALFORMED,
    REPLY_PLEASE,
    TOO_LONG,
    Asked,
    Document,
    Giving,
    Plan,
    Way,
    _batches,
    _choose,
    _given_once,
    _times,
)

CAMPAIGN, CAMPAIGN_AMOUNT = "campaignTest1", "20.00"
"""The campaign that the stand-in knows."""

SETTINGS: Document = {
    "sender": "99999",
    "max_per_second": 5000,
    "max_top_up_a_day": "10000000",
    "campaign_amounts": {CAMPAIGN: CAMPAIGN_AMOUNT},
}
"""Of the account: neither its pace nor its ceiling is what is tried here, and what its campaign is worth is known."""

KINDS = {"top_up": 0.5, "send_sms": 0.35, "look_up_carrier": 0.1, "get_balance": 0.05}
AMOUNTS = ("10.00", "20.00", "30.00", "50.50", "100.00")
PRODUCTS = {"TELTA": ("10.00", "20.00", "50.00"), "MOVITA": ("20.00", "30.00"), "UNETA": ("15.00", "50.00")}
OF_TOP_UPS = {"product": 0.25, "campaign": 0.1}
TO_A_FEW = 0.4
"""How many top-ups go to a few numbers, all with the same amount; `A_FEW` to each on the average."""
A_FEW = 8
TO_SOME = 0.3
"""How many of the others go to a number that others go to too, with any amount."""

NOT_A_NUMBER = ("+2712", "nobody", "55 1234 5678", "+27825550142")
TEXTS = ("Your top-up is on its way.", "Su recarga está en camino ✓", "Dos segmentos: " + "recarga " * 25)
REFUSED = {"to": 0.02, "amount": 0.01, "product": 0.005, "text": 0.005, "send_at": 0.004, "account": 0.003}
REFUSED_ALWAYS = {"provider": 0.003}
"""Which field makes Hookline refuse a command, and how often; of the commands that have it, and of all."""


def make_plan(commands: int, seed: int, run: str, *, mixed: bool = True) -> Plan:
    """Plan a run as `tests.load.plan.make_plan` does."""
    chance = Random(seed)  # noqa: S311  # reproducible is the point
    account, nobody = f"load-{run}", f"nobody-{run}"
    numbers = _Numbers(commands, chance)
    asked = [_asked(f"{run}/{at}", account, nobody, numbers, chance) for at in range(1, commands + 1)]
    in_batches = [one for one in asked if _fits_a_batch(one) and chance.random() < IN_A_BATCH]
    alone = {one.id: one for one in asked}
    for one in in_batches:
        del alone[one.id]
    givings = [Giving(Way.BATCH, document) for document in _batches(in_batches, run, account, chance)]
    givings += [_given_alone(one, chance) for one in alone.values()]
    again = [_given_alone(one, chance) for one in asked for _ in range(_times(chance))]
    once = _given_once([*givings, *again], asked)
    contradictions = {one.id: _contradicted(one) for one in once if chance.random() < CONTRADICTED}
    again += [Giving(Way.QUEUE, one.document) for one in contradictions.values()]
    malformed = [_malformed(at, run, account) for at in range(max(3, round(commands * MALFORMED)))]
    givings += [Giving(Way.QUEUE, body) for body in malformed]
    if mixed:
        givings, again = [*givings, *again], []
    chance.shuffle(givings)
    chance.shuffle(again)
    return Plan(account, nobody, {one.id: one for one in asked}, contradictions, givings, again, malformed)


def digest_of(one: Asked) -> str:
    """Return the digest that a command has in the journal: as its sender checked it."""
    document = {
        "provider": SENDING.name,
        "credentials": {"client_id": "client", "secure_password": "marked-password"},
        "settings": {**SETTINGS, **dict.fromkeys(("auth_url", "gateway_url", "topup_url"), "https://example.com")},
    }
    account: SendingAccount[Any] = SENDING.read_account(str(one.document["account"]), document)
    return SENDING.check(read_command(one.document), account, 0.0).digest


class _Numbers:
    """Gives numbers of Mexico that the stand-in treats as any: each message and each look-up one of its own."""

    def __init__(self, commands: int, chance: Random) -> None:
        self._chance = chance
        self._known: set[str] = set()
        self.few = [(self.new(), chance.choice(AMOUNTS)) for _ in range(max(1, round(commands * 0.2 / A_FEW)))]
        self.some = [self.new() for _ in range(max(1, commands // 20))]

    def new(self) -> str:
        while True:
            made = (
                f"+5255{self._chance.randrange(1, 10)}{self._chance.randrange(10)}{self._chance.randrange(980_000):06}"
            )
            if made not in self._known:
                self._known.add(made)
                return made


def _asked(command_id: str, account: str, nobody: str, numbers: _Numbers, chance: Random) -> Asked:
    kind = _choose(KINDS, chance) or "get_balance"
    document: Document = {"command": kind, "id": command_id, "account": account}
    document |= {"reference": f"reference of {command_id}"}
    if kind == "top_up":
        document |= _top_up(numbers, chance)
    elif kind == "send_sms":
        reply = " Reply please." if chance.random() < REPLY_PLEASE else ""
        document |= {"to": numbers.new(), "text": chance.choice(TEXTS) + reply}
    elif kind == "look_up_carrier":
        document["number"] = numbers.new()
    refused = _choose(REFUSED, chance)
    if not _refuse(document, refused, nobody, chance):
        refused = _choose(REFUSED_ALWAYS, chance)
        document |= {"provider": "zoom_connect"} if refused else {}
    return Asked(command_id, document, refused)


def _top_up(numbers: _Numbers, chance: Random) -> Document:
    if chance.random() < TO_A_FEW:
        to, amount = chance.choice(numbers.few)
        return {"to": to, "amount": amount}
    to = chance.choice(numbers.some) if chance.random() < TO_SOME else numbers.new()
    match _choose(OF_TOP_UPS, chance):
        case "product":
            product = chance.choice(list(PRODUCTS))
            return {"to": to, "product": product, "amount": chance.choice(PRODUCTS[product])}
        case "campaign":
            return {"to": to, "campaign": CAMPAIGN}
    return {"to": to, "amount": chance.choice(AMOUNTS)}


def _refuse(document: Document, field: str, nobody: str, chance: Random) -> bool:
    """Make a command one that is refused for a field; returns False where it has no such field."""
    kind = document["command"]
    match field:
        case "to" if "to" in document:
            document["to"] = chance.choice(NOT_A_NUMBER)
        case "amount" if "amount" in document:
            document["amount"] = chance.choice(("500.01", "33.33" if "product" in document else "9999"))
        case "product" if "amount" in document:
            document["product"] = "NOSUCH"
        case "text" if kind == "send_sms":
            document["text"] = chance.choice(("", "   ", TOO_LONG))
        case "send_at" if kind == "send_sms":
            document["send_at"] = "2020-01-01T10:00:00+02:00"
        case "account":
            document["account"] = nobody
        case _:
            return False
    return True


def _fits_a_batch(one: Asked) -> bool:
    return one.document["command"] == "send_sms" and one.refused in {"", "to", "text"}


def _given_alone(one: Asked, chance: Random) -> Giving:
    way = Way(_choose({Way.BUS: 0.1, Way.INVOKE: 0.05}, chance) or Way.QUEUE)
    if way is Way.BUS and one.refused:  # one refusal is one event for each content; naming the provider is another
        way = Way.QUEUE
    return Giving(way, one.document | ({"provider": SENDING.name} if way is Way.BUS else {}))


def _contradicted(one: Asked) -> Asked:
    return Asked(one.id, one.document | {"reference": "No, wait."}, "id")


def _malformed(at: int, run: str, account: str) -> str:
    kinds = (
        f'{{"command": "top_up", "id": "{run}/malformed-{at}"',
        f'{{"command": "top_up", "id": "{run}/malformed-{at}", "account": "{account}", "to": "+52", "amount": 20.5}}',
        f'{{"command": "look_up_carrier", "id": "no id {at}", "account": "{account}", "number": "+525512345678"}}',
    )
    return kinds[at % len(kinds)]
