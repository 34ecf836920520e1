"""Hundreds of runs in which much goes wrong at once, each reproducible by its seed.

Commands in singles, batches and copies; accounts of every encoding; a provider that misbehaves; AWS calls that fail or
lose their answers; processes that die. `HOOKLINE_SEEDS` says how many runs there are (200 where it says nothing),
`HOOKLINE_FIRST_SEED` where they begin.
"""

import os
import random
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from hookline.commands import command_token
from hookline.providers.zoom_connect.rest import SENDING
from simulators.common import Chaos
from tests.send.conftest import StandIn, start_anew
from tests.send.proof import Ended, prove
from tests.send.world import SECONDS, Fault, Faults, Quiet, World, seeded, send_batch, send_sms

SEEDS = int(os.environ.get("HOOKLINE_SEEDS", "200"))
FIRST = int(os.environ.get("HOOKLINE_FIRST_SEED", "0"))
MAX_FAULTS = 60
MISBEHAVIOUR = (
    "timeout_before", "timeout_after", "reset_after", "close_after", "500", "500_after", "400", "401", "403", "429",
    "garbage", "garbage_before", "short_bulk",
)  # fmt: skip
ACCOUNTS = ("acme-za", "umbrella-za", "hooli-za")
ENCODINGS = ("json", "json", "xml", "url-parameters")


class Plan(NamedTuple):
    """One run.

    Attributes:
        seed: that it is made from.
        documents: what is put on the queue, some of it more than once.
        ids: the `send_sms` among it.
        settings: by account.
        chaos: how likely the stand-in misbehaves, by mode.
        likelihood: of a fault at a call.
        most: how many messages an invocation gets.
    """

    seed: int
    documents: list[Mapping[str, Any]]
    ids: list[str]
    settings: Mapping[str, Mapping[str, Any]]
    chaos: Mapping[str, float]
    likelihood: float
    most: int


def make_plan(seed: int, base_url: str) -> Plan:
    chance = seeded(seed)
    documents: list[Mapping[str, Any]] = []
    ids: list[str] = []
    for number in range(chance.randint(1, 10)):
        documents.append(send_sms(f"order-{number}", account=chance.choice(ACCOUNTS), to=_number(chance), text="hello"))
        ids.append(f"order-{number}")
    for number in range(chance.choice([0, 0, 1, 2])):
        size = chance.choice([1, 2, 5, 105])
        messages = [{"to": _number(chance)} for _ in range(size)]
        documents.append(send_batch(*messages, id=f"batch-{number}", account=chance.choice(ACCOUNTS), text="hello"))
        ids += [f"batch-{number}/{place}" for place in range(1, size + 1)]
    documents += chance.choices(documents, k=chance.choice([0, 1, 5]))
    chance.shuffle(documents)
    modes = chance.sample(MISBEHAVIOUR, k=chance.randint(0, 4))
    return Plan(
        seed,
        documents,
        ids,
        {
            name: {
                "base_url": base_url,
                "encoding": chance.choice(ENCODINGS),
                "max_batch": chance.choice([1, 2, 100]),
                "max_per_second": chance.choice([1, 10, 1000]),
            }
            for name in ACCOUNTS
        },
        {mode: chance.choice([0.05, 0.2]) for mode in modes},
        chance.choice([0.0, 0.02, 0.1]),
        chance.choice([1, 3, 10, 100]),
    )


def _number(chance: random.Random) -> str:
    return f"+2782555{chance.randint(0, 9999):04}"


def run(plan: Plan, stand_in: StandIn) -> World:
    """Run a plan to its end, copies coming in between, some of them directly."""
    start_anew(stand_in)
    stand_in.simulator.chaos = Chaos(plan.seed, plan.chaos)
    chance = seeded(plan.seed + 1_000_000)

    def choose(_number: int, _name: str) -> Fault | None:
        strikes = chance.random() < plan.likelihood and len(faults.happened) < MAX_FAULTS
        return chance.choice(list(Fault)) if strikes else None

    faults = Faults(choose)

    world = World(
        SENDING,
        stand_in.transport,
        accounts=plan.settings,
        faults=faults,
        chance=chance.random,
        telemetry=Quiet(),
    )
    first = chance.randint(1, len(plan.documents))
    world.put(*plan.documents[:first])
    for document in plan.documents[first:]:
        for _ in range(chance.randint(0, 3)):
            world.poll(plan.most)
            world.clock.advance(chance.choice([0, 1, 60, 400]))
        if chance.random() < 0.3:
            _directly(world, document)
        world.put(document)
    world.drain(plan.most)
    return world


def _directly(world: World, document: Mapping[str, Any]) -> None:
    """Ask for a command directly, in the midst of it; the process may die, as any other."""
    world.invoke(lambda: world.sender.do_now(document, SECONDS))


def prove_run(plan: Plan, stand_in: StandIn) -> tuple[Ended, World]:
    world = run(plan, stand_in)
    rows = stand_in.simulator.ledger.rows
    try:
        return prove(world, plan.ids, rows, may_be_unknown=lambda token: is_open(world, token)), world
    except AssertionError as error:
        error.add_note(f"HOOKLINE_SEEDS=1 HOOKLINE_FIRST_SEED={plan.seed}; {world.faults.happened}, {plan.chaos}")
        raise


def is_open(world: World, token: str) -> bool:
    """As one fault alone, and where several left a command behind for its lease to end."""
    unclear = any(token.encode() in body for body in world.transport.unclear)
    return unclear or token in world.died_with or token in world.left_sending


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_whatever_goes_wrong_nothing_is_sent_twice_and_nothing_is_lost(seed: int, stand_in: StandIn) -> None:
    plan = make_plan(seed, stand_in.base_url)
    ended, _ = prove_run(plan, stand_in)
    assert sum(ended.states.values()) == len(plan.ids)
    assert ended.accepted <= len(plan.ids)


def test_a_seed_says_everything(stand_in: StandIn) -> None:
    plan = make_plan(7, stand_in.base_url)
    assert plan == make_plan(7, stand_in.base_url)
    (first, one), (second, other) = prove_run(plan, stand_in), prove_run(plan, stand_in)
    assert (first, one.faults.happened) == (second, other.faults.happened)


def test_the_seeds_are_about_every_end_and_every_fault(stand_in: StandIn) -> None:
    """Else they would show less than they say."""
    states: Counter[str] = Counter()
    faults: Counter[Fault] = Counter()
    broken: Counter[str] = Counter()
    for seed in range(35):
        ended, world = prove_run(make_plan(seed, stand_in.base_url), stand_in)
        states += ended.states
        faults.update(fault for _, fault in world.faults.happened)
        broken.update(name for name, _ in world.faults.happened)
    assert set(states) >= {"succeeded", "failed", "unknown"}
    assert set(faults) == set(Fault)
    assert set(broken) >= {
        "http",
        "sqs.send_message",
        "dynamodb.get_item",
        "dynamodb.update_item",
        "dynamodb.transact_write_items",
        "secretsmanager.get_secret_value",
    }


def test_the_tokens_of_a_run_are_those_of_its_ids(stand_in: StandIn) -> None:
    plan = make_plan(3, stand_in.base_url)._replace(chaos={}, likelihood=0.0)
    world = run(plan, stand_in)
    rows = stand_in.simulator.ledger.rows
    assert sorted(row["dataField"] for row in rows) == sorted(map(command_token, plan.ids))
    assert {entry["state"] for entry in world.entries().values()} == {"succeeded"}
