"""Commands in great number through a local stack whose provider misbehaves at random, and every one accounted for.

    python -m tests.load.run_commands --commands 10000 --seed 1

A stack of its own is brought up, roles enforced, and stopped afterwards. Commands are given on the queue, alone and in
batches, on the bus and by direct invocation; some twice, some with two contents under one id, some of a kind that is to
be refused, some that are no command. The stand-in for Zoom Connect answers some calls with 429, 500, 400, nonsense or
too little, and breaks some off before or after it accepted what was in them; its delivery reports come twice, out of
order, and before the answer. At the end what was asked for, the stand-in's ledger, the journal, the events in a
subscriber's queue and the dead-letter queues are held against each other.

Prints a table of counts. Exits 1 where anything does not reconcile: a message accepted twice, one that nobody knows the
end of, an event too many or too few.
"""

import argparse
import sys
import time
import uuid
from collections.abc import Mapping

from hookline_cli import local, output
from hookline_cli.stack import Stack
from tests.load import drive
from tests.load.plan import Plan, make_plan
from tests.load.reconcile import Reckoning, reconcile
from tests.stack.stand_in import find_stand_in, new_sender

INSTANCE = "load"
MAX_PER_SECOND = 5000
"""Segments a second: the pace is not what is tried here."""

CHAOS: Mapping[str, float] = {
    "429": 0.04,
    "500": 0.01,
    "500_after": 0.01,
    "400": 0.02,
    "reset_after": 0.01,
    "close_after": 0.005,
    "timeout_before": 0.003,
    "timeout_after": 0.003,
    "garbage": 0.01,
    "garbage_before": 0.005,
    "short_bulk": 0.01,
    "slow": 0.01,
    "duplicate": 0.02,
    "duplicate_new_nonce": 0.02,
    "out_of_order": 0.05,
    "early_report": 0.002,
    "failed_report": 0.05,
    "no_report": 0.05,
}
"""How often a call of the provider's API goes wrong in each way, and from `duplicate` on a message's callbacks."""


def run(  # what a run depends on, each by name
    stack: Stack,
    plan: Plan,
    *,
    chaos: Mapping[str, float],
    seed: int,
    seconds: float,
    say: drive.Say,
) -> Reckoning:
    """Run a plan.

    Args:
        stack: a local one.
        plan: what is given.
        chaos: how often the stand-in misbehaves, by mode.
        seed: of when it does.
        seconds: how long it may take at the most.
        say: is told how it goes.
    """
    stand_in = find_stand_in(stack)
    try:
        sender = new_sender(stack, stand_in, plan.account, max_per_second=MAX_PER_SECOND)
        stand_in.call_back(sender.email, retries=20)
        before = stand_in.calls()
        stand_in.misbehave_at_random(chaos, seed)
        started = time.monotonic()
        found = drive.run(stack, stand_in, sender, plan, seconds, say)
        took = time.monotonic() - started
        calls = {name: count - before.get(name, 0) for name, count in stand_in.calls().items()}
    finally:
        stand_in.misbehave_at_random({}, seed)
        stand_in.close()
    reckoning = reconcile(plan, found)
    modes: dict[str, int] = {}
    for (_, mode), number in calls.items():
        modes[mode] = modes.get(mode, 0) + number
    counts = {
        **reckoning.counts,
        "provider calls": sum(calls.values()),
        **{f"  {mode}": number for mode, number in sorted(modes.items())},
        "seconds": round(took),
    }
    return reckoning._replace(counts=counts)


def main() -> int:
    """Run on a stack of its own."""
    options = _read_options()
    try:
        stack = local.up(options.instance, _say)
        plan = make_plan(options.commands, options.seed, uuid.uuid4().hex[:8])
        reckoning = run(stack, plan, chaos=CHAOS, seed=options.seed, seconds=options.seconds, say=_say)
    finally:
        local.down(options.instance)
    output.print_table(f"{options.commands} commands, seed {options.seed}", ("what", "count"), reckoning.counts.items())
    for problem in reckoning.problems:
        output.out.print(f"DOES NOT RECONCILE: {problem}", highlight=False, markup=False)
    if not reckoning.problems:
        output.out.print("everything reconciles")
    return 1 if reckoning.problems else 0


def _say(message: str) -> None:
    output.progress(f"{time.strftime('%H:%M:%S')} {message}")


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.load.run_commands", description="Commands in great number.")
    parser.add_argument("--commands", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1500, help="how long it may take at the most")
    parser.add_argument("--instance", default=INSTANCE, help="the local stack's name; it is brought up and stopped")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
