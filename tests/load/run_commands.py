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

import sys
import uuid
from collections.abc import Mapping

from hookline_cli.stack import Stack
from tests.load import drive
from tests.load.plan import Plan, make_plan
from tests.load.reconcile import Reckoning, reconcile
from tests.load.runs import misbehaving, read_options, run_alone, say, with_calls
from tests.stack.stand_in import find_stand_in, new_sender

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
    sender = new_sender(stack, stand_in, plan.account, max_per_second=MAX_PER_SECOND)
    stand_in.call_back(sender.email, retries=20)
    with misbehaving(stand_in, chaos, seed) as calls:
        found = drive.run(stack, stand_in, sender, plan, seconds=seconds, say=say)
        return with_calls(reconcile(plan, found), calls())


def main() -> int:
    """Run on a stack of its own."""
    options = read_options("tests.load.run_commands", commands=10_000, seconds=1500)

    def run_on(stack: Stack) -> Reckoning:
        plan = make_plan(options.commands, options.seed, uuid.uuid4().hex[:8])
        return run(stack, plan, chaos=CHAOS, seed=options.seed, seconds=options.seconds, say=say)

    return run_alone(options, run_on)


if __name__ == "__main__":
    sys.exit(main())
