"""Three hundred commands while the provider misbehaves at random; `make load` does ten thousand in the same way."""

import uuid
from collections.abc import Callable

from hookline_cli.stack import Stack
from tests.load.drive import take_all
from tests.load.plan import make_plan
from tests.load.run_commands import CHAOS, run

COMMANDS, SEED, SECONDS = 300, 7, 200
TAKES_LONG = {"timeout_before", "timeout_after", "slow"}
OF_CALLS = {"429", "500", "500_after", "400", "reset_after", "close_after", "garbage", "garbage_before", "short_bulk"}
MORE = 3
"""How much more often than with ten thousand commands calls go wrong: there are few of them."""


def test_every_command_is_accounted_for_while_the_provider_misbehaves(
    stack: Stack, note: Callable[[str], None]
) -> None:
    take_all(stack, stack.outputs["PublishDeadLettersUrl"])  # other tests of this stack have put something there
    plan = make_plan(COMMANDS, SEED, uuid.uuid4().hex[:8], mixed=False)
    chaos = {
        mode: chance * (MORE if mode in OF_CALLS else 1) for mode, chance in CHAOS.items() if mode not in TAKES_LONG
    }
    said: list[str] = []
    reckoning = run(stack, plan, chaos=chaos, seed=SEED, seconds=SECONDS, say=said.append)
    assert list(reckoning.problems) == [], said[-3:]
    counts = reckoning.counts
    assert counts["commands submitted"] == COMMANDS
    assert counts["  accepted twice"] == counts["  of no known end"] == counts["other messages left anywhere"] == 0
    misbehaved = counts["provider calls"] - counts.get("  ok", 0)
    assert misbehaved > 0, "it was to misbehave"
    note(
        f"{COMMANDS} commands, {misbehaved} of {counts['provider calls']} provider calls went wrong: all accounted for"
    )
