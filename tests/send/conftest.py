"""A running stand-in for Zoom Connect that hangs for no longer than a test can wait, as it is at its start."""

from collections.abc import Iterator
from typing import NamedTuple

import httpx
import pytest

pytest.register_assert_rewrite("tests.send.proof", "tests.send.money")

from simulators.common import Chaos, serve  # noqa: E402  # after it
from simulators.zoom_connect import Simulator  # noqa: E402  # after it
from tests.doubles import Clock  # noqa: E402  # after it
from tests.samples import API_TOKEN, EMAIL  # noqa: E402  # after it
from tests.send import money  # noqa: E402  # after it

HANG_S = 0.02
BASE_PATH = "/app/api/rest/v1"


class StandIn(NamedTuple):
    """The stand-in.

    Attributes:
        simulator: what it knows.
        base_url: of its API.
        transport: keeps connections to it open; for one thread.
    """

    simulator: Simulator
    base_url: str
    transport: httpx.HTTPTransport


@pytest.fixture(scope="session")
def running() -> Iterator[StandIn]:
    simulator = Simulator(credentials={EMAIL: API_TOKEN}, hang_s=HANG_S)
    with serve(simulator) as url, httpx.HTTPTransport() as transport:
        yield StandIn(simulator, url + BASE_PATH, transport)


@pytest.fixture(scope="session")
def money_running() -> Iterator[money.StandIn]:
    with money.running() as stand_in:
        yield stand_in


@pytest.fixture
def zorya(money_running: money.StandIn) -> money.StandIn:
    """A running stand-in for Zorya, as it is at its start."""
    money_running.start_anew(Clock())
    return money_running


@pytest.fixture
def stand_in(running: StandIn) -> StandIn:
    start_anew(running)
    return running


def start_anew(of: StandIn) -> None:
    """Forget what was accepted, and every mode."""
    of.simulator.ledger.clear()
    of.simulator.numbers.clear()
    of.simulator.calls.clear()
    of.simulator.chaos = Chaos()
