"""What the tests of the stand-in for Zoom Connect share: a running one, and an endpoint for its callbacks."""

import re
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from hookline.callbacks import ReceivingAccount, Request, Verified
from hookline.providers.zoom_connect.normalise import normalise, read_fields
from hookline.providers.zoom_connect.settings import ReceiveSettings
from hookline.providers.zoom_connect.verify import verify
from simulators.zoom_connect import Simulator
from tests.samples import SECRET

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

EMAIL, TOKEN = "stand-in@example.com", "stand-in:token with a space"
RECIPIENT = "27830001234"
BASES = ("/app/api/rest/v1", "/zoom/api/rest/v1")
HANG_S = 0.6
PATIENCE_S = 0.25  # less than HANG_S: a caller that gives up first
MESSAGE_ID = re.compile(r"[0-9a-f]{24}")
_CERTIFICATES = ssl.create_default_context()
HEADERS = {"email": EMAIL, "token": TOKEN}
FULL = {
    "recipientNumber": RECIPIENT,
    "message": "<Olá & 100% ~*+ €>",
    "campaign": "shoe campaign",
    "dataField": "t/4711",
    "dateToSend": "201404282149",
}
ACCEPTED = {
    "recipient": RECIPIENT,
    "message": FULL["message"],
    "campaign": "shoe campaign",
    "dataField": "t/4711",
    "dateToSend": "201404282149",
}


class Service(NamedTuple):
    """A running stand-in."""

    simulator: Simulator
    url: str
    ledger: Path


class Arrived(NamedTuple):
    """A callback as it came over the wire."""

    method: str
    path: str
    query: bytes
    body: bytes
    headers: Mapping[str, str]
    at: float


class Endpoint:
    """Takes callbacks, as an ASGI app. Answers with the statuses it is given, 200 when there are none left."""

    def __init__(self) -> None:
        self.arrived: list[Arrived] = []
        self.statuses: list[int] = []

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.arrived.append(
            Arrived(scope["method"], scope["path"], scope["query_string"], body, headers, time.monotonic())
        )
        status = self.statuses.pop(0) if self.statuses else 200
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    def wait_for(self, count: int) -> list[Arrived]:
        """Wait until so many callbacks came, and a moment longer: none may come after them."""
        wait_until(lambda: len(self.arrived) >= count)
        time.sleep(0.1)
        assert len(self.arrived) == count
        return self.arrived


def connect(url: str, **options: Any) -> httpx.Client:
    """Make a client for a stand-in: no proxy, and not a new set of certificates each time."""
    return httpx.Client(base_url=url, trust_env=False, verify=_CERTIFICATES, **options)


def wait_until(condition: Callable[[], bool], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def fields_of(arrived: Arrived, *, form: str = "php", secret: str = SECRET) -> dict[str, Any]:
    """Verify a callback as Hookline does, and return what it says."""
    kind = "reply" if arrived.body else "delivery-report"
    request = Request(arrived.query, arrived.body, arrived.headers, {}, f"/zoom-connect/{{account}}/{kind}")
    account = ReceivingAccount("acme-za", (secret.encode(),), ReceiveSettings(canonical_form=form))
    verdict = verify(request, account, time.time())
    assert isinstance(verdict, Verified), verdict
    assert normalise(verdict.kind, read_fields(verdict.payload), {"timezone": "Africa/Johannesburg"})
    return read_fields(verdict.payload)


def statuses_of(arrived: Sequence[Arrived]) -> list[str]:
    return [fields_of(callback)["status"] for callback in arrived]


def send(api: httpx.Client, simulate: str = "", **fields: Any) -> httpx.Response:
    message = {"recipientNumber": RECIPIENT, "message": "hello", **fields}
    return api.post("/sms/send.json", json=message, headers={"x-simulate": simulate})


def send_bulk(api: httpx.Client, recipients: Sequence[str], simulate: str = "") -> httpx.Response:
    messages = [{"recipientNumber": recipient, "message": "hello"} for recipient in recipients]
    return api.post("/sms/send-bulk.json", json={"sendSmsRequests": messages}, headers={"x-simulate": simulate})


def xml_of(fields: Mapping[str, str], root: str = "sendSmsRequest") -> str:
    escaped = {name: value.replace("&", "&amp;").replace("<", "&lt;") for name, value in fields.items()}
    return f"<{root}>{''.join(f'<{name}>{value}</{name}>' for name, value in escaped.items())}</{root}>"


def numbered(service: Service, names: Sequence[str] = tuple(ACCEPTED)) -> list[dict[str, Any]]:
    """What the ledger has, cut down to some fields."""
    return [{name: row[name] for name in names} for row in service.simulator.ledger.rows]


class Answered(NamedTuple):
    """What a caller gets of a mode."""

    status: int | None = None
    raises: type[Exception] | None = None
    accepted: int = 0
