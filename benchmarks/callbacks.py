"""Callbacks to receive, and receivers that store them nowhere."""

import base64
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO, cast
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from hookline.accounts import Accounts, receiving_account
from hookline.callbacks import CallbackProvider
from hookline.journal import Journal
from hookline.providers.zoom_connect.verify import sign as sign_form
from hookline.providers.zorya.jws import sign as sign_claims
from hookline.receive import Receiver
from hookline.telemetry import Telemetry

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

type Event = dict[str, Any]

EVENTS = Path(__file__).parent.parent / "events"
SECRET = "a-signing-secret-of-the-benchmarks"
"""Long enough for every algorithm here, so that nobody warns of it."""

NONCE_LIFE = 290
"""Seconds for which a callback of ours can be accepted: a little less than Zoom Connect's own."""


class Callback(NamedTuple):
    """A callback, signed now.

    Attributes:
        event: as API Gateway hands it over (payload format 2.0, the body in base64).
        body: as it travelled: a form, or a token.
        fields: the form's names and values, decoded.
        url: where it was sent to.
    """

    event: Event
    body: bytes
    fields: Mapping[str, str]
    url: str


def zoom_connect_callback(case: str) -> Callback:
    """Sign the sample `events/receive_zoom_connect/<case>.json` afresh, as a form."""
    event = _sample("receive_zoom_connect", case)
    fields = dict(parse_qsl(event["rawQueryString"], keep_blank_values=True))
    fields |= dict(parse_qsl(_body(event).decode(), keep_blank_values=True))
    expiry = datetime.fromtimestamp(time.time() + NONCE_LIFE, ZoneInfo("Africa/Johannesburg"))
    fields["nonce-date"] = expiry.strftime("%Y%m%d%H%M%S")
    fields.pop("checksum", None)
    fields["checksum"] = sign_form(fields.items(), SECRET.encode())
    return _with_body(event, urlencode(fields).encode(), fields)


def zorya_callback(case: str) -> Callback:
    """Sign the sample `events/receive_zorya/<case>.json` afresh; its body is a token and nothing else."""
    event = _sample("receive_zorya", case)
    claims = _body(event).split(b".")[1]
    text = base64.urlsafe_b64decode(claims + b"=" * (-len(claims) % 4)).decode()
    return _with_body(event, sign_claims(text, SECRET.encode()).encode(), {})


def _sample(function: str, case: str) -> Event:
    event: Event = json.loads((EVENTS / function / f"{case}.json").read_text())
    return event


def _body(event: Event) -> bytes:
    body: str = event.get("body", "")
    return base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()


def _with_body(event: Event, body: bytes, fields: Mapping[str, str]) -> Callback:
    event.pop("queryStringParameters", None)
    event |= {"rawQueryString": "", "body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    event["headers"]["content-length"] = str(len(body))
    return Callback(event, body, fields, f"https://{event['headers']['host']}{event['rawPath']}")


class _NowhereTable:
    """A DynamoDB client whose writes always go well and do nothing."""

    def put_item(self, **_item: Any) -> None:
        pass


class Silent(Telemetry):
    """Telemetry that says nothing."""

    def count(
        self, name: str, amount: float = 1, *, dimensions: dict[str, str] | None = None, **fields: str | float | None
    ) -> None:
        pass


def receiver(provider: CallbackProvider, telemetry: Telemetry) -> Receiver:
    """Make a receiver as a function does, for any account, that stores callbacks nowhere."""
    document = {"provider": provider.name, "signing_secrets": [SECRET]}
    accounts = Accounts(lambda _name: document, partial(receiving_account, provider), time.time)
    journal = Journal(cast("DynamoDBClient", _NowhereTable()), "journal", 2_592_000)
    return Receiver(provider, accounts, journal, telemetry)


class _Unbuffered:
    """Standard output as Lambda's Python runtime makes it: every write is flushed."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        written = self._stream.write(text)
        self._stream.flush()
        return written

    def flush(self) -> None:
        self._stream.flush()


@contextmanager
def stdout_of_lambda() -> Iterator[None]:
    """Let standard output be what it is in Lambda, with nobody at the other end."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(cast("TextIO", _Unbuffered(nowhere))):
        yield
