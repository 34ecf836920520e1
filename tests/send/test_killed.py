"""A real process, killed by SIGKILL at random moments, dozens of times: nothing is sent twice, nothing is lost.

AWS and the provider live on in this process, behind HTTP: they finish what a killed process had asked them for, as the
real ones do. `HOOKLINE_KILLS` says how many processes are killed.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulators.common import serve
from simulators.zoom_connect.modes import read_modes
from tests.samples import ACCOUNT
from tests.send.aws_http import Aws
from tests.send.conftest import StandIn
from tests.send.proof import prove
from tests.send.sqs import COMMANDS, DEAD_LETTERS
from tests.send.world import TABLE, Kept, Secrets, document, send_batch, send_sms

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("HOOKLINE_KILLS", "40"))
SINGLES, BATCH = 60, 10
LONGEST_LIFE = 0.25
"""Seconds: what a process has at the most before it is killed. An invocation takes about as long."""
VISIBILITY = 0.4
"""Seconds: longer than a lease, as in the template."""


@pytest.fixture
def kept() -> Kept:
    return Kept(time.time, VISIBILITY)


@pytest.fixture
def environment(kept: Kept, stand_in: StandIn) -> Iterator[dict[str, str]]:
    settings = {"base_url": stand_in.base_url, "max_per_second": 1000, "max_batch": 4}
    with serve(Aws(kept.dynamo, kept.sqs, Secrets({ACCOUNT: document(**settings)})), lifespan="off") as url:
        yield {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "AWS_ENDPOINT_URL": url,
            "COMMAND_QUEUE_URL": COMMANDS,
            "DEAD_LETTER_QUEUE_URL": DEAD_LETTERS,
            "JOURNAL_TABLE": TABLE,
            "ACCOUNTS_PREFIX": "",
        }


class Processes:
    """Starts senders, one at a time."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.send.killed_sender"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self) -> int:
        """Start one; return its id."""
        return self._ask()

    def status(self) -> int:
        """Wait until it has ended, and return how: 0, or the negative number of the signal."""
        return self._ask()

    def close(self) -> None:
        self._parent.communicate("", timeout=30)

    def _ask(self) -> int:
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write("\n")
        self._parent.stdin.flush()
        return int(self._parent.stdout.readline())


@pytest.fixture
def processes(environment: dict[str, str]) -> Iterator[Processes]:
    started = Processes(environment)
    yield started
    started.close()


@pytest.mark.timeout(180)
def test_a_process_that_is_killed_again_and_again_sends_nothing_twice_and_loses_nothing(
    kept: Kept, processes: Processes, stand_in: StandIn
) -> None:
    chance = random.Random(20261122)  # noqa: S311  # reproducible is the point, as far as it can be
    ids = [f"order-{number}" for number in range(SINGLES)] + [f"batch-1/{place}" for place in range(1, BATCH + 1)]
    commands = [send_sms(name, to=_number(place, stand_in)) for place, name in enumerate(ids[:SINGLES])]
    commands.append(send_batch(*[{"to": _number(90 + place, stand_in)} for place in range(BATCH)], text="hello"))
    waiting = commands + chance.choices(commands, k=20)
    chance.shuffle(waiting)
    statuses: Counter[int] = Counter()
    while statuses[-signal.SIGKILL] < KILLS:
        put, waiting = waiting[:3] or chance.choices(commands, k=3), waiting[3:]
        for command in put:
            kept.sqs.put(json.dumps(command))
        process = processes.start()
        time.sleep(chance.uniform(0, LONGEST_LIFE))
        os.kill(process, signal.SIGKILL)
        statuses[processes.status()] += 1
    for command in waiting:
        kept.sqs.put(json.dumps(command))
    processes.start()
    assert processes.status() == 0
    ended = prove(kept, ids, stand_in.simulator.ledger.rows, may_be_unknown=lambda _token: True)
    assert ended.states["succeeded"] >= len(ids) / 4, "too little got through to show anything"
    assert ended.states["unknown"], "nobody was killed at a moment that counts"


def _number(place: int, stand_in: StandIn) -> str:
    """A number whose messages take a moment to be accepted, so that a process can die while it waits."""
    number = f"+27825550{place:03}"
    stand_in.simulator.numbers.put(number, read_modes("slow=0.03"), None)
    return number
