"""Commands to Zorya in great number through a local stack, the provider misbehaving, every peso accounted for.

    python -m tests.load.run_zorya --commands 5000 --seed 1

As `tests.load.run_commands`, with top-ups, messages, look-ups and questions. Many top-ups are equal: the same number,
the same amount. The stand-in loses answers, of what it took and of what it did not take; its callbacks come early,
late, twice, out of order or never; its report has a top-up late; its tokens expire. `settle` is called all the while,
against all of that; and at the end, once the stand-in behaves, until it settles nothing more.

Prints a table of counts. Exits 1 where anything does not reconcile: a command charged twice, a charge of nobody, a
top-up that is unknown though the provider took it, an event too many or too few.
"""

import json
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event as Flag
from threading import Thread
from typing import Any

from hookline_cli.stack import Stack
from tests.load import drive
from tests.load.plan import Plan
from tests.load.reconcile import Reckoning
from tests.load.runs import misbehaving, read_options, run_alone, say, with_calls
from tests.load.zorya_plan import SETTINGS, make_plan
from tests.load.zorya_reconcile import reconcile
from tests.stack.zorya_stand_in import find_zorya, let_callbacks_through, new_client

TARGET = drive.Target(
    "ZoryaCommandsUrl",
    "ZoryaCommandDeadLettersUrl",
    "SendZoryaFunction",
    others=("SettleCallbacksUrl", "SettleDeadLettersUrl"),
)
SETTLE_SECONDS = 5.0
"""How often `settle` is called while everything goes on."""

MAX_SETTLINGS = 20
HURRIED_VISIBILITY = 3

CHAOS: Mapping[str, float] = {
    "429": 0.01,
    "500": 0.01,
    "500_after": 0.01,
    "401": 0.002,
    "403": 0.002,
    "reset_after": 0.01,
    "close_after": 0.01,
    "timeout_before": 0.002,
    "timeout_after": 0.002,
    "garbage": 0.01,
    "garbage_before": 0.005,
    "broken": 0.02,
    "no_txid": 0.01,
    "code": 0.01,
    "expired_token": 0.004,
    "rejected": 0.01,
    "at_once": 0.03,
    "slow": 0.01,
    "duplicate": 0.02,
    "duplicate_new": 0.02,
    "out_of_order": 0.05,
    "early": 0.005,
    "failed": 0.05,
    "no_callback": 0.1,
    "late": 0.02,
    "unreported": 0.05,
    "reply": 0.01,
}
"""How often a call goes wrong in each way, and from `duplicate` on what comes after it."""


def run(  # what a run depends on, each by name
    stack: Stack,
    plan: Plan,
    *,
    chaos: Mapping[str, float],
    seed: int,
    seconds: float,
    say: drive.Say,
    hurry: bool = False,
) -> Reckoning:
    """Run a plan.

    Args:
        stack: a local one.
        plan: what is given.
        chaos: how often the stand-in misbehaves, by mode.
        seed: of when it does.
        seconds: how long it may take at the most.
        say: is told how it goes.
        hurry: wait for nothing: callbacks that nobody knows the command of are not held back once all is sent, and
            those whose command is on its way come again after three seconds.
    """
    stand_in = find_zorya(stack)
    sender = new_client(stack, stand_in, plan.account, **SETTINGS)
    stand_in.call_back(sender.email, retries=20)

    def all_the_while() -> None:
        settle(stack, plan.account)
        if hurry and drive.count(stack, stack.outputs[TARGET.queue]) == 0:
            let_callbacks_through(stack, plan.account)

    def settle_the_rest() -> None:
        stand_in.misbehave_at_random({}, seed)
        for _ in range(MAX_SETTLINGS):
            said = settle(stack, plan.account)
            say(f"settled: {said}")
            if not said["settled"]:
                return
            time.sleep(1)

    with (
        misbehaving(stand_in, chaos, seed) as calls,
        _hurrying(stack, hurry=hurry),
        _again_and_again(all_the_while, 1.0 if hurry else SETTLE_SECONDS),
    ):
        found = drive.run(
            stack,
            stand_in,
            sender,
            plan,
            seconds=seconds,
            say=say,
            target=TARGET,
            afterwards=settle_the_rest,
        )
        return with_calls(reconcile(plan, found, calls()), calls())


def settle(stack: Stack, account: str) -> dict[str, int]:
    """Have all of an account's unknown commands asked about; return how many there were, and how many are settled."""
    answer: Any = stack.functions.invoke(
        FunctionName=stack.outputs["SettleFunction"], Payload=json.dumps({"account": account}).encode()
    )
    said: dict[str, int] = json.loads(answer["Payload"].read())
    assert "settled" in said, said
    return said


@contextmanager
def _again_and_again(do: Callable[[], object], seconds: float) -> Iterator[None]:
    """Do something again and again, from another thread; what it raises is raised at the end."""
    stop, problems = Flag(), list[Exception]()

    def go_on() -> None:
        while not stop.wait(seconds):
            try:
                do()
            except Exception as error:  # noqa: BLE001  # the run must know of whatever it is
                problems.append(error)
                return

    thread = Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if problems:
        raise problems[0]


@contextmanager
def _hurrying(stack: Stack, *, hurry: bool) -> Iterator[None]:
    """Have callbacks to settle by come again soon; afterwards it is as the template says."""
    url = stack.outputs["SettleCallbacksUrl"]
    before = stack.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    if hurry:
        stack.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(HURRIED_VISIBILITY)})
    try:
        yield
    finally:
        stack.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": before["VisibilityTimeout"]})


def main() -> int:
    """Run on a stack of its own."""
    options = read_options("tests.load.run_zorya", commands=5000, seconds=2400)

    def run_on(stack: Stack) -> Reckoning:
        plan = make_plan(options.commands, options.seed, uuid.uuid4().hex[:8])
        return run(stack, plan, chaos=CHAOS, seed=options.seed, seconds=options.seconds, say=say)

    return run_alone(options, run_on)


if __name__ == "__main__":
    sys.exit(main())
