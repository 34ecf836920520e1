"""What every load run has: its options, a stack of its own, a stand-in that misbehaves, a table at the end."""

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from hookline_cli import local, output
from hookline_cli.stack import Stack
from tests.load.reconcile import Reckoning
from tests.stack.stand_in import StandIn

INSTANCE = "load"

type Calls = Mapping[tuple[str, str], int]


@contextmanager
def misbehaving(stand_in: StandIn, chaos: Mapping[str, float], seed: int) -> Iterator[Callable[[], Calls]]:
    """Have a stand-in misbehave at random; at the end it behaves again, and the connections to it are closed.

    Yields:
        What says how often each call was made since, by its method and how it was treated.
    """
    before = stand_in.calls()
    stand_in.misbehave_at_random(chaos, seed)
    try:
        yield lambda: {name: count - before.get(name, 0) for name, count in stand_in.calls().items()}
    finally:
        stand_in.misbehave_at_random({}, seed)
        stand_in.close()


def with_calls(reckoning: Reckoning, calls: Calls) -> Reckoning:
    """Add to a table how calls were treated."""
    modes: Counter[str] = Counter()
    for (_, label), number in calls.items():
        modes.update(dict.fromkeys(label.split(","), number))  # several modes can go together
    listed = {f"  {mode}": number for mode, number in sorted(modes.items()) if number}
    return reckoning._replace(counts={**reckoning.counts, "provider calls": sum(calls.values()), **listed})


def read_options(prog: str, *, commands: int, seconds: float) -> argparse.Namespace:
    """Read the command line's options, given the defaults."""
    parser = argparse.ArgumentParser(prog=prog, description="Commands in great number.")
    parser.add_argument("--commands", type=int, default=commands)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=seconds, help="how long it may take at the most")
    parser.add_argument("--instance", default=INSTANCE, help="the local stack's name; it is brought up and stopped")
    return parser.parse_args()


def run_alone(options: argparse.Namespace, run: Callable[[Stack], Reckoning]) -> int:
    """Run on a stack of its own, print the table, and return what to exit with."""
    try:
        stack = local.up(options.instance, say)
        started = time.monotonic()
        reckoning = run(stack)
        took = round(time.monotonic() - started)
    finally:
        local.down(options.instance)
    counts = {**reckoning.counts, "seconds": took}
    output.print_table(f"{options.commands} commands, seed {options.seed}", ("what", "count"), counts.items())
    for problem in reckoning.problems:
        output.out.print(f"DOES NOT RECONCILE: {problem}", highlight=False, markup=False)
    if not reckoning.problems:
        output.out.print("everything reconciles")
    return 1 if reckoning.problems else 0


def say(message: str) -> None:
    """Say how it goes."""
    output.progress(f"{time.strftime('%H:%M:%S')} {message}")
