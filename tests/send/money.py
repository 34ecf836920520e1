"""A sender of Zorya's commands with a settler beside it, and the stand-in that keeps account of the money."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, NamedTuple

import httpx

from hookline.callbacks import ReceivingAccount, Request, Verified
from hookline.journal import Journal
from hookline.open_commands import OpenCommands
from hookline.providers.zorya import verify
from hookline.providers.zorya.rest import SENDING
from hookline.settle import Settler, Side
from simulators.common import Chaos, serve
from simulators.zorya import CallbackSettings, Settings, Simulator
from tests.doubles import Clock
from tests.providers.zorya.callbacks import ROUTES, token
from tests.providers.zorya.rest_samples import CLIENT, PASSWORD, document_of
from tests.samples import SECRET
from tests.send import dynamo as dynamodb
from tests.send.world import RETENTION, TABLE, Faults, FaultyClient, Quiet, World

ACCOUNT = "acme-mx"
NUMBER = "+525545891076"
HANG_S = 0.02
OVERDUE = 3600.0
SETTLE_SECONDS = 120.0

type Row = Mapping[str, Any]


class StandIn(NamedTuple):
    """The stand-in, on the clock of the tests; no callback of its own comes while they last."""

    simulator: Simulator
    url: str
    transport: httpx.HTTPTransport
    clock: Clock

    def start_anew(self, clock: Clock) -> None:
        """Forget what was accepted, every mode, every token."""
        self.clock.now = clock.now
        state = self.simulator
        state.ledger.clear()
        state.spent = Decimal(0)
        state.numbers.clear()
        state.calls.clear()
        state.tokens.reset()
        state.transactions.clear()
        state.settings = Settings()
        state.chaos = Chaos()

    @property
    def charged(self) -> list[Row]:
        """The top-ups that money was taken for."""
        return [row for row in self.simulator.ledger.rows if row["kind"] == "top_up"]


@contextmanager
def running() -> Iterator[StandIn]:
    """Run the stand-in."""
    clock = Clock()
    simulator = Simulator(
        credentials={CLIENT: PASSWORD}, hang_s=HANG_S, clock=clock, callbacks=CallbackSettings(delay_s=10_000)
    )
    with serve(simulator) as url, httpx.HTTPTransport() as transport:
        yield StandIn(simulator, url, transport, clock)


class Money(World):
    """The world of a sender of Zorya's commands, with a settler.

    Args:
        stand_in: the provider.
        faults: what goes wrong.
        settings: the account's.
    """

    def __init__(self, stand_in: StandIn, *, faults: Faults | None = None, **settings: Any) -> None:
        self.stand_in = stand_in
        given = {"auth_url": stand_in.url, "gateway_url": stand_in.url, "topup_url": stand_in.url, "sender": "99999"}
        super().__init__(
            SENDING,
            stand_in.transport,
            accounts={ACCOUNT: {**given, "max_per_second": 1000, **settings}},
            faults=faults,
            telemetry=Quiet(),
            make_document=document_of,
            clock=stand_in.clock,
        )
        self.settler = self.make_settler()
        self._published = 0

    def make_settler(self) -> Settler:
        """Make a settler as a new process would."""
        dynamo = dynamodb.as_client(FaultyClient("dynamodb", self.dynamo, self.faults))
        side = Side(SENDING, self.make_accounts(), self.make_caller())
        return Settler({SENDING.name: side}, OpenCommands(dynamo, TABLE), self.telemetry, OVERDUE, self.clock)

    def settle(self) -> dict[str, int] | None:
        """Let the settler look at everything, once; where its process dies there is no answer."""
        answer = self.invoke(lambda: self.settler.run(SETTLE_SECONDS))
        if answer is None:
            self.settler = self.make_settler()
        return answer

    def tick(self, times: int = 8, seconds: float = 400.0) -> None:
        """Let time go by and the settler look, again and again."""
        for _ in range(times):
            self.clock.advance(seconds)
            self.settle()

    def push(self, transaction: str, to: str, amount: str, ended: str = "103", **claims: Any) -> None:
        """Let Zorya say how a top-up ended: verified, stored, published, and what the bus routes to the settler."""
        fields = {"clientID": CLIENT, "txID": transaction, "MSISDN": to.strip("+"), "amount": amount, "status": ended}
        path = {"clientID": CLIENT, "txID": transaction, "status": ended}
        signed = {name: value for name, value in (fields | claims).items() if value is not None}
        self._callback("push_status", signed, path)

    def mt(self, transaction: str, to: str, code: int = 200) -> None:
        """Let Zorya say how a message fares."""
        response = {"msisdn": to.strip("+"), "cost": "0.29", "segments": 1, "encoding": "GSM-7"}
        fields = {"code": code, "message": "", "txID": transaction, "response": response, "error": [None]}
        self._callback("mt", fields, {})

    def _callback(self, kind: str, claims: Mapping[str, Any], path: Mapping[str, str]) -> None:
        account = ReceivingAccount(ACCOUNT, (SECRET.encode(),), verify.CALLBACKS.read_settings({}))
        body = token(dict(claims)).encode()
        route = ROUTES[kind].partition(" ")[2]
        verdict = verify.verify(Request(b"", body, {}, path, route), account, self.clock())
        assert isinstance(verdict, Verified), verdict
        Journal(dynamodb.as_client(self.dynamo), TABLE, RETENTION).store_callback(
            verdict,
            provider="zorya",
            account=ACCOUNT,
            settings={"timezone": "America/Mexico_City"},
            replay_window=60,
            now=self.clock(),
        )

    def words(self, receives: int = 1) -> list[str]:
        """Publish what is new, and let the settler have what the rules route to it. Return what comes again."""
        self.clock.advance(100.0)  # a callback whose command is only becoming known is published by then
        events = self.events()
        new, self._published = events[self._published :], len(events)
        routed = [event for event in new if is_routed(event)]
        records = [
            {
                "messageId": f"word-{number}",
                "body": json.dumps({"detail": event}),
                "attributes": {"ApproximateReceiveCount": str(receives)},
            }
            for number, event in enumerate(routed)
        ]
        answer = self.invoke(lambda: self.settler.take_words(records, SETTLE_SECONDS))
        if answer is None:
            self.settler = self.make_settler()
            self._published -= len(new)
            return [str(record["messageId"]) for record in records]
        again = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
        if again:
            self._published -= len(new)  # they come again, and the others with them: a repeat does no harm
        return again

    def open_tokens(self) -> set[str]:
        """Return the tokens in the list of open commands."""
        return {sk.rpartition("#")[2] for pk, sk in self.dynamo.items if pk.startswith("open#")}

    def staked(self) -> Decimal:
        """Return what the account's commands have at stake of its daily ceilings."""
        items = self.dynamo.texts("stakes#").values()
        return sum((Decimal(item["total"]) for item in items), Decimal(0))


def is_routed(event: Mapping[str, Any]) -> bool:
    """Say whether the template's rules route an event to the settler; a test of the template holds them to this."""
    metadata = event["metadata"]
    if metadata["provider"] != "zorya" or event["provider_data"].get("signed") is not True:
        return False
    if metadata["type"] == "sms.status_updated":
        return metadata["correlation"] is None
    return bool(metadata["type"] == "top_up.status_updated")


def top_up(command_id: str = "top-1", **overrides: Any) -> dict[str, Any]:
    """Make a command as a caller writes it."""
    given = {"command": "top_up", "id": command_id, "account": ACCOUNT, "to": NUMBER, "amount": "20.00"}
    return {name: value for name, value in (given | overrides).items() if value is not None}


def message(command_id: str = "sms-1", **overrides: Any) -> dict[str, Any]:
    """Make a command as a caller writes it."""
    given = {"command": "send_sms", "id": command_id, "account": ACCOUNT, "to": NUMBER, "text": "Hola"}
    return given | overrides


def prove(world: Money, documents: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Hold what is kept, when nothing moves any more, against what money was taken for.

    Each top-up that was charged belongs to one command: the one whose txID it has, or one that is unknown. No command
    has two, and none is lost.

    Returns:
        How many commands ended how.
    """
    asked = {document["id"]: document for document in documents if document["command"] == "top_up"}
    rows = {row["txID"]: row for row in world.stand_in.charged}
    assert len(rows) == len(world.stand_in.charged)
    assert world.sqs.waiting == []
    rejected, dead = {each.get("id") for each in world.rejections()}, world.dead_ids()
    states: Counter[str] = Counter()
    owners: dict[str, list[str]] = defaultdict(list)
    unknown: Counter[tuple[str, str]] = Counter()
    for command_id, document in asked.items():
        state = world.state(command_id)
        if state is None or state == "waiting":
            assert command_id in rejected | dead, f"{command_id} is lost, {state}"
            states["rejected" if command_id in rejected else "dead"] += 1
            continue
        assert state in {"succeeded", "failed", "unknown"}, f"{command_id} is left {state}"
        states[state] += 1
        facts = world.outcome(command_id).get("facts", {})
        if state == "succeeded":
            row = rows.get(facts["transaction_id"])
            assert row is not None, f"{command_id} is said to be done, and no money was taken"
            assert row["msisdn"] == document["to"].strip("+")
            assert document.get("amount") is None or Decimal(row["amount"]) == Decimal(document["amount"])
            owners[facts["transaction_id"]].append(command_id)
        elif state == "unknown":
            unknown[document["to"].strip("+"), _amount(document)] += 1
    assert all(len(names) == 1 for names in owners.values()), f"one charge, two commands: {owners}"
    of_nobody = Counter((row["msisdn"], _plain(row["amount"])) for name, row in rows.items() if name not in owners)
    assert of_nobody <= unknown, f"money was taken that no command stands for: {of_nobody - unknown}"
    _prove_events(world, asked)
    _prove_open(world, asked)
    return states


def _prove_events(world: Money, asked: Mapping[str, Any]) -> None:
    told: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for event in world.events():
        correlation = event["metadata"]["correlation"]
        if (
            correlation
            and event["metadata"]["type"] == "top_up.status_updated"
            and "signed" not in event["provider_data"]
        ):
            told[correlation["command_id"]][event["data"]["status"]].add(event["metadata"]["id"])
    for command_id in asked:
        state = world.state(command_id)
        statuses = told.get(command_id, {})
        assert all(len(ids) == 1 for ids in statuses.values()), f"{command_id} is told twice: {statuses}"
        if state in {"succeeded", "failed", "unknown"}:
            outcome = world.outcome(command_id)
            default = {"succeeded": "received", "failed": "rejected", "unknown": "unknown"}[state]
            assert outcome.get("facts", {}).get("status", default) in statuses, f"{command_id} is not told as it is"


def _prove_open(world: Money, asked: Mapping[str, Any]) -> None:
    """The list of open commands holds those that are unknown, and the ceiling counts what may have been spent."""
    entries = world.entries()
    listed = {name for name, entry in entries.items() if entry["state"] == "unknown" or _is_without_id(entry)}
    assert world.open_tokens() == listed
    counted = [
        Decimal(entry["stake_amount"])
        for entry in entries.values()
        if entry["kind"] == "top_up" and entry["state"] in {"succeeded", "unknown"}
    ]
    assert world.staked() == sum(counted, Decimal(0)), f"of {len(asked)}"


def _is_without_id(entry: Mapping[str, str]) -> bool:
    """Say of an entry whether it is a message that was taken on without an id: a callback can still be about it."""
    facts = json.loads(entry.get("outcome", "{}")).get("facts", {})
    return entry["kind"] == "send_sms" and entry["state"] == "succeeded" and "message_id" not in facts


def _amount(document: Mapping[str, Any]) -> str:
    return _plain(document.get("amount") or "20")


def _plain(amount: str) -> str:
    return format(Decimal(amount).normalize(), "f")
