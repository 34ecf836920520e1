"""Two hundred commands to Zorya while it misbehaves at random; `make load` does five thousand in the same way."""

import uuid
from collections.abc import Callable

from hookline_cli.stack import Stack
from tests.load.drive import take_all
from tests.load.run_zorya import CHAOS, run
from tests.load.zorya_plan import make_plan

COMMANDS, SEED, SECONDS = 200, 7, 200
TAKES_LONG = {"timeout_before", "timeout_after", "slow", "unreported"}
STOPS_LOGGING_IN = {"401", "403", "expired_token"}
"""A log-in that is answered so is not tried again for five minutes."""

OF_TOP_UPS = {"500", "500_after", "reset_after", "close_after", "garbage", "garbage_before", "no_txid", "rejected"}
MORE = 3
"""How much more often than with five thousand commands answers are lost: there are few of them."""


def test_every_charge_is_one_commands_while_the_provider_misbehaves(stack: Stack, note: Callable[[str], None]) -> None:
    take_all(stack, stack.outputs["PublishDeadLettersUrl"])  # other tests of this stack have put something there
    plan = make_plan(COMMANDS, SEED, uuid.uuid4().hex[:8], mixed=False)
    chaos = {
        mode: chance * (MORE if mode in OF_TOP_UPS else 1)
        for mode, chance in CHAOS.items()
        if mode not in TAKES_LONG | STOPS_LOGGING_IN
    }
    said: list[str] = []
    reckoning = run(stack, plan, chaos=chaos, seed=SEED, seconds=SECONDS, say=said.append, hurry=True)
    assert list(reckoning.problems) == [], said[-3:]
    counts = reckoning.counts
    assert counts["commands submitted"] == COMMANDS
    assert counts["  charged twice, or of nobody"] == counts["  of no known end"] == 0
    settled = sum(count for name, count in counts.items() if "unknown at first" in name)
    assert settled > 0, "it was to misbehave"
    note(f"{COMMANDS} commands to Zorya: {settled} top-ups with lost answers settled, each charge one command's")
