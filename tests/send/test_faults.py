"""Every call that a sender makes to the outside fails in turn, in every way that it can; and nothing is sent twice.

The provider is the stand-in over real HTTP, with its own ledger. Each run is: the commands on the queue, one fault at
one call, then everything as SQS does it (visibility timeouts, receive counts, time going by) until the queue is empty.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import httpx
import pytest

from hookline.providers.zoom_connect.rest import SENDING
from simulators.zoom_connect.modes import read_modes
from tests.samples import ACCOUNT, NUMBER, OTHER_ACCOUNT, OTHER_NUMBER
from tests.send.conftest import StandIn, start_anew
from tests.send.proof import prove, prove_world
from tests.send.world import Fault, Faults, Quiet, World, send_batch, send_sms

GET_BALANCE = {"command": "get_balance", "id": "balance-1", "account": ACCOUNT}
ODD_NUMBER = "+27820990400"
"""The stand-in refuses it."""


class Scenario(NamedTuple):
    """What is on the queue, and what must hold besides the proof.

    Attributes:
        documents: what is put on the queue.
        ids: the `send_sms` among it.
        settings: the accounts'.
        modes: how the stand-in behaves, by number: modes, and for how many messages.
        most: how many messages an invocation gets.
        receives: how often the messages were received before.
        refuses_bulks: whether it refuses bulk calls as a whole.
        ends: the states that the commands have where nothing fails.
    """

    documents: tuple[Mapping[str, Any] | str, ...]
    ids: tuple[str, ...]
    ends: Mapping[str, int]
    settings: Mapping[str, Any] = {}
    modes: Mapping[str, tuple[str, int | None]] = {}
    most: int = 100
    receives: int = 0
    refuses_bulks: bool = False


def orders(count: int, **more: Any) -> tuple[Mapping[str, Any], ...]:
    return tuple(send_sms(f"order-{number}", **more) for number in range(count))


def order_ids(count: int) -> tuple[str, ...]:
    return tuple(f"order-{number}" for number in range(count))


SCENARIOS: dict[str, Scenario] = {
    "one message": Scenario(orders(1), order_ids(1), {"succeeded": 1}),
    "three in one call": Scenario(orders(3), order_ids(3), {"succeeded": 3}),
    "three in calls of their own": Scenario(
        orders(3), order_ids(3), {"succeeded": 3}, settings={"encoding": "url-parameters"}
    ),
    "three, one by one, in XML": Scenario(orders(3), order_ids(3), {"succeeded": 3}, {"encoding": "xml"}, most=1),
    "four that wait for their pace": Scenario(orders(4), order_ids(4), {"succeeded": 4}, {"max_per_second": 1}),
    "one twice": Scenario(orders(1) * 2, order_ids(1), {"succeeded": 1}, most=1),
    "one by the queue and by the bus": Scenario(
        (*orders(1), *orders(1, provider="zoom_connect")), order_ids(1), {"succeeded": 1}
    ),
    "two of two accounts": Scenario(
        (send_sms("order-0"), send_sms("order-1", account=OTHER_ACCOUNT)), order_ids(2), {"succeeded": 2}
    ),
    "one that is scheduled": Scenario(orders(1, send_at="2026-11-23T08:00:00Z"), order_ids(1), {"succeeded": 1}),
    "one that was scheduled for soon": Scenario(
        orders(1, send_at="2026-11-22T08:00:30Z"), order_ids(1), {"succeeded": 1}
    ),
    "a batch with one refused by us and one by them": Scenario(
        (send_batch({"to": f"+{NUMBER}"}, {"to": "nobody"}, {"to": ODD_NUMBER}, {"to": f"+{OTHER_NUMBER}"}),),
        ("batch-1/1", "batch-1/2", "batch-1/3", "batch-1/4"),
        {"succeeded": 2, "rejected": 1, "failed": 1},
    ),
    "nonsense beside a good one": Scenario(("{", *orders(1)), order_ids(1), {"succeeded": 1}),
    "too many requests, at first": Scenario(orders(2), order_ids(2), {"succeeded": 2}, modes={NUMBER: ("429", 2)}),
    "too many requests, in calls of their own": Scenario(
        orders(3), order_ids(3), {"succeeded": 3}, {"max_batch": 1}, {NUMBER: ("429=1", 1)}
    ),
    "a bulk call refused as a whole": Scenario(orders(3), order_ids(3), {"succeeded": 3}, refuses_bulks=True),
    "credentials that are never accepted": Scenario(
        orders(2), order_ids(2), {"waiting": 2}, modes={NUMBER: ("401", None)}, receives=17
    ),
    "a server error": Scenario(orders(1), order_ids(1), {"unknown": 1}, modes={NUMBER: ("500", None)}),
    "a server error after it was accepted": Scenario(
        orders(2), order_ids(2), {"unknown": 2}, modes={NUMBER: ("500_after", None)}
    ),
    "a short answer": Scenario(orders(3), order_ids(3), {"unknown": 3}, modes={NUMBER: ("short_bulk", None)}),
    "no answer": Scenario(orders(1), order_ids(1), {"unknown": 1}, modes={NUMBER: ("reset_after", None)}),
    "a batch that is cut": Scenario(
        (send_batch(*[{"to": f"+{NUMBER}"}] * 102),),
        tuple(f"batch-1/{place}" for place in range(1, 103)),
        {"succeeded": 102},
        {"max_per_second": 1000},
        most=1,
    ),
}


class RefusingBulks(httpx.BaseTransport):
    """Refuses bulk calls as a whole; the rest goes on."""

    def __init__(self, transport: httpx.BaseTransport) -> None:
        self._transport = transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if "send-bulk" in request.url.path:
            return httpx.Response(400, json={"status": 400, "code": 2, "message": "Invalid mobile number"})
        return self._transport.handle_request(request)


def run(scenario: Scenario, stand_in: StandIn, choose: Callable[[int, str], Fault | None]) -> World:
    """Run a scenario to its end."""
    start_anew(stand_in)
    for number, (modes, times) in scenario.modes.items():
        stand_in.simulator.numbers.put(number, read_modes(modes), times)
    settings = {"base_url": stand_in.base_url, **scenario.settings}
    transport = RefusingBulks(stand_in.transport) if scenario.refuses_bulks else stand_in.transport
    world = World(
        SENDING,
        transport,
        accounts={ACCOUNT: settings, OTHER_ACCOUNT: settings},
        faults=Faults(choose),
        telemetry=Quiet(),
    )
    world.put(*scenario.documents)
    for stored in world.sqs.waiting:
        stored.receives = scenario.receives
    world.drain(scenario.most)
    return world


def at(number: int, fault: Fault) -> Callable[[int, str], Fault | None]:
    return lambda called, _name: fault if called == number else None


@pytest.mark.parametrize("name", SCENARIOS)
def test_without_a_fault_everything_ends_as_it_should(name: str, stand_in: StandIn) -> None:
    scenario = SCENARIOS[name]
    world = run(scenario, stand_in, lambda _number, _name: None)
    ended = prove_world(world, scenario.ids, stand_in.simulator.ledger.rows)
    assert ended.states == scenario.ends
    assert world.left_sending == set()


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.name.lower())
@pytest.mark.parametrize("name", SCENARIOS)
def test_whichever_call_fails_nothing_is_sent_twice_and_nothing_is_lost(
    name: str, fault: Fault, stand_in: StandIn
) -> None:
    scenario = SCENARIOS[name]
    calls = run(scenario, stand_in, lambda _number, _name: None).faults.calls
    for number in range(1, len(calls) + 1):
        if fault is Fault.LOST_BEFORE and calls[number - 1] != "http":
            continue  # for AWS it is the same as failing before
        world = run(scenario, stand_in, at(number, fault))
        assert len(world.faults.happened) == 1
        try:
            prove_world(world, scenario.ids, stand_in.simulator.ledger.rows)
            assert fault.kills or world.left_sending == set(), "a command was left behind though the process lived"
            assert_nonsense_is_set_aside(scenario, world)
        except AssertionError as error:
            error.add_note(f"call {number} of {len(calls)}: {calls[number - 1]}, {fault.value}")
            raise


def assert_nonsense_is_set_aside(scenario: Scenario, world: World) -> None:
    if "{" in scenario.documents:
        assert "{" in {stored.body for stored in world.sqs.dead}
        assert [each["field"] for each in world.rejections()] == [""]


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.name.lower())
def test_a_question_is_answered_whichever_call_fails(fault: Fault, stand_in: StandIn) -> None:
    scenario = Scenario((GET_BALANCE,), (), {})
    calls = run(scenario, stand_in, lambda _number, _name: None).faults.calls
    for number in range(1, len(calls) + 1):
        world = run(scenario, stand_in, at(number, fault))
        assert world.state("balance-1") == "succeeded", f"call {number}: {calls[number - 1]}"
        (event,) = world.events()
        assert event["metadata"]["type"] == "balance.reported"
        assert event["data"]["balance"]["amount"] == "100000.0"


@pytest.mark.parametrize("first", [Fault.DIES_AFTER, Fault.FAILS_AFTER], ids=lambda fault: fault.name.lower())
@pytest.mark.parametrize("second", Fault, ids=lambda fault: fault.name.lower())
def test_two_faults_anywhere_send_nothing_twice(first: Fault, second: Fault, stand_in: StandIn) -> None:
    """The second strikes while the first is being made good."""
    scenario = SCENARIOS["three in one call"]
    calls = len(run(scenario, stand_in, lambda _number, _name: None).faults.calls)
    for number in range(1, calls + 1):
        again = len(run(scenario, stand_in, at(number, first)).faults.calls)
        for later in range(number + 1, again + 1):
            world = run(scenario, stand_in, lambda n, _, a=number, b=later: {a: first, b: second}.get(n))  # type: ignore[misc]
            try:
                prove(world, scenario.ids, stand_in.simulator.ledger.rows, may_be_unknown=lambda _token: True)
            except AssertionError as error:
                error.add_note(f"calls {number} and {later}")
                raise


def test_every_kind_of_call_is_among_those_that_fail(stand_in: StandIn) -> None:
    """Else the proof above would be about less than it says."""
    calls: set[str] = set()
    for scenario in SCENARIOS.values():
        calls |= set(run(scenario, stand_in, lambda _number, _name: None).faults.calls)
    assert calls == {
        "secretsmanager.get_secret_value",
        "dynamodb.get_item",
        "dynamodb.update_item",
        "dynamodb.transact_write_items",
        "sqs.send_message",
        "sqs.change_message_visibility",
        "http",
    }


def test_with_resend_an_interrupted_message_may_be_sent_twice_and_ends_all_the_same(stand_in: StandIn) -> None:
    scenario = SCENARIOS["one message"]._replace(settings={"on_unknown": "resend"})
    calls = run(scenario, stand_in, lambda _number, _name: None).faults.calls
    accepted = []
    for number in range(1, len(calls) + 1):
        for fault in Fault:
            world = run(scenario, stand_in, at(number, fault))
            ended = prove_world(world, scenario.ids, stand_in.simulator.ledger.rows, most=2)
            assert ended.states == {"succeeded": 1}
            accepted.append(ended.accepted)
    assert set(accepted) == {1, 2}


def test_what_the_ledger_has_is_what_was_asked_for(stand_in: StandIn) -> None:
    run(SCENARIOS["three in one call"], stand_in, lambda _number, _name: None)
    rows = stand_in.simulator.ledger.rows
    texts = {json.loads(json.dumps(row["message"])) for row in rows}
    assert (len(rows), texts, {row["recipient"] for row in rows}) == (3, {send_sms()["text"]}, {NUMBER})
