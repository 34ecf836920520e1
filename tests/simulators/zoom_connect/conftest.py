"""A running stand-in for Zoom Connect, as it is at its start for each test."""

from collections.abc import Iterator

import httpx
import pytest

from simulators.common import serve
from simulators.zoom_connect import Simulator
from tests.samples import SECRET
from tests.simulators.zoom_connect.stand_in import (
    BASES,
    EMAIL,
    HANG_S,
    HEADERS,
    TOKEN,
    Endpoint,
    Service,
    connect,
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    ledger = tmp_path_factory.mktemp("ledger") / "accepted.jsonl"
    simulator = Simulator(ledger=ledger, credentials={EMAIL: TOKEN}, hang_s=HANG_S)
    with serve(simulator) as url:
        yield Service(simulator, url, ledger)


@pytest.fixture
def service(running: Service) -> Service:
    with connect(running.url) as client:
        assert client.delete("/_simulator").status_code == 204
    return running


@pytest.fixture
def api(service: Service) -> Iterator[httpx.Client]:
    """A client that lets itself in."""
    with connect(service.url + BASES[0], headers=HEADERS) as client:
        yield client


@pytest.fixture
def control(service: Service) -> Iterator[httpx.Client]:
    with connect(f"{service.url}/_simulator") as client:
        yield client


@pytest.fixture(scope="module")
def listening() -> Iterator[tuple[Endpoint, str]]:
    endpoint = Endpoint()
    with serve(endpoint, lifespan="off") as url:
        yield endpoint, url


@pytest.fixture
def endpoint(listening: tuple[Endpoint, str], control: httpx.Client) -> Endpoint:
    """Where the stand-in's callbacks go, without delays."""
    endpoint, url = listening
    endpoint.arrived.clear()
    endpoint.statuses.clear()
    answer = control.put(
        "/callbacks",
        json={
            "reply_url": f"{url}/zoom-connect/acme-za/reply",
            "delivery_report_url": f"{url}/zoom-connect/acme-za/delivery-report",
            "secret": SECRET,
            "delay_s": 0.01,
            "retry_delay_s": 0.01,
        },
    )
    assert answer.status_code == 204
    return endpoint
