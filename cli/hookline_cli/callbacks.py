"""Callbacks as a provider would send them: for trying things out and for tests."""

import json
import time
import uuid
import warnings
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import httpx
import jwt

from hookline.callbacks import CallbackProvider
from hookline.providers.zoom_connect import verify as zoom_connect
from hookline.providers.zoom_connect.settings import read_settings
from hookline.providers.zoom_connect.verify import CALLBACKS as ZOOM_CONNECT
from hookline.providers.zorya.verify import CALLBACKS as ZORYA
from hookline.providers.zorya.verify import PATH_NAMES
from hookline_cli.errors import CommandError
from hookline_cli.stack import Stack

ZORYA_ZONE = ZoneInfo("America/Mexico_City")


class Callback(NamedTuple):
    """An HTTP request that a provider would make.

    Attributes:
        path: below the API's address.
        query: the raw query string, without `?`.
        body: the raw body.
        content_type: the body's type.
        headers: any other headers.
    """

    path: str
    query: str
    body: bytes
    content_type: str
    headers: Mapping[str, str] = {}

    def send(self, stack: Stack) -> httpx.Response:
        """Send it to a stack's API over HTTP.

        Raises:
            CommandError: no answer came.
        """
        url, headers = stack.wire(stack.api_url + self.path)
        if self.query:
            url += f"?{self.query}"
        headers = {"content-type": self.content_type, **self.headers, **headers}
        try:
            return httpx.post(url, content=self.body, headers=headers, timeout=30)
        except httpx.HTTPError as error:  # nothing of the URL: a provider's parameters stand in it
            raise CommandError(f"the API did not answer: {type(error).__name__}") from error


def newest_secret(document: Mapping[str, Any]) -> bytes:
    """Return what an account's provider signs with, as bytes."""
    secret: str = document["signing_secrets"][0]
    return secret.encode("utf-8", "surrogatepass")  # as the receiver reads it


def sample_fields(kind: str) -> dict[str, str]:
    """Give the fields of a Zoom Connect callback of a kind, fit to be sent now; nonce and dates are added later."""
    message_id = f"{int(time.time()):08x}{uuid.uuid4().hex[:16]}"
    if kind == "reply":
        return {"from": "27725551234", "to": "27726661234", "messageId": message_id, "message": "Yes, please. ¿Sí? 👍"}
    return {"from": "27725551234", "messageId": message_id, "status": "DELIVERED"}


def zoom_connect_callback(  # how a callback can differ, each by name
    account: str,
    document: Mapping[str, Any],
    kind: str,
    fields: Mapping[str, str],
    *,
    now: float,
    tamper: bool = False,
    expired: bool = False,
) -> Callback:
    """Make a Zoom Connect callback, signed with an account's newest secret.

    Args:
        account: the account's name.
        document: its document, secrets included.
        kind: `reply` or `delivery-report`.
        fields: the provider's parameters; `nonce`, `nonce-date`, `date` and `charset` are added where not given.
        now: seconds since the epoch, UTC.
        tamper: change a parameter after signing.
        expired: let it have expired a minute ago.

    Returns:
        A delivery report with its parameters in the query string, a reply with them in a form body.
    """
    settings = read_settings(document.get("settings", {}))
    expiry = now - settings.clock_skew - 60 if expired else now + settings.nonce_window
    signed = {
        "nonce": str(uuid.uuid4()),
        "nonce-date": datetime.fromtimestamp(expiry, settings.zone).strftime("%Y%m%d%H%M%S"),
        "date": datetime.fromtimestamp(now, settings.zone).strftime("%Y%m%d%H%M"),
        "charset": "UTF-8",
        **fields,
    }
    covered = [(name, value) for name, value in signed.items() if name not in settings.unsigned_parameters]
    checksum = zoom_connect.sign(covered, newest_secret(document))
    if tamper:
        signed["messageId"] += "0"
    encoded = urlencode({**signed, "checksum": checksum})
    path = f"/zoom-connect/{account}/{kind}"
    form = "application/x-www-form-urlencoded"
    if kind == "delivery-report":
        return Callback(path, f"&{encoded}", b"", form)
    return Callback(path, "", encoded.encode(), form)


def zorya_fields(kind: str) -> dict[str, Any]:
    """Give the claims of a Zorya callback of a kind, fit to be sent now."""
    transaction = uuid.uuid4().hex[:20]
    moment = datetime.now(UTC).astimezone(ZORYA_ZONE).strftime("%Y-%m-%dT%H:%M:%S")
    if kind == "mo":
        return {
            "txID": transaction,
            "msisdn": "525545891076",
            "message": "Hola, ¿qué tal?",
            "dateTimeTransaction": moment,
        }
    if kind == "mt":
        response = {
            "msisdn": "525545891076",
            "cost": "0.2900",
            "encoding": "USC-2",
            "segments": 1,
            "mcc": "334",
            "mnc": "050",
            "dateTimeTransaction": moment,
        }
        delivered = {"code": 201, "message": "SMS Delivered successfully", "txID": transaction}
        return {**delivered, "response": response, "error": [None]}
    return {
        "clientID": "1234-ABCD-1234",
        "txID": transaction,
        "MSISDN": "525545891076",
        "amount": "20.00",
        "status": "103",
    }


def zorya_callback(
    account: str,
    document: Mapping[str, Any],
    kind: str,
    fields: Mapping[str, Any],
    *,
    now: float,
    tamper: bool = False,
    expired: bool = False,
) -> Callback:
    """Make a Zorya callback: a JWT in the body, signed with an account's newest secret.

    Args:
        account: the account's name.
        document: its document, secrets included.
        kind: `mo`, `mt` or `push-status`.
        fields: the claims.
        now: seconds since the epoch, UTC.
        tamper: change the claims after signing.
        expired: let it have expired an hour ago.
    """
    times = {"iat": int(now) - 3660, "exp": int(now) - 3600} if expired else {"iat": int(now)}
    with warnings.catch_warnings():  # the provider chooses its secret, and may choose a short one
        warnings.simplefilter("ignore")
        token = jwt.encode({**times, **fields}, newest_secret(document), algorithm="HS256")
    if tamper:
        header, claims, signature = token.split(".")
        token = ".".join((header, claims[:-2] + ("AA" if claims[-2:] != "AA" else "BB"), signature))
    path = f"/zorya/{account}/{kind}"
    if kind == "push-status":
        path = "/".join(["/zorya", account, *(quote(str(fields[name]), safe="") for name in PATH_NAMES)])
    return Callback(path, "", token.encode(), "application/jwt")


class Speaker(NamedTuple):
    """How to speak as a provider.

    Attributes:
        provider: what a receiver of its callbacks is made of.
        fields: the provider's own fields of a callback of a kind, fit to be sent now.
        make: the signed request; see `zoom_connect_callback`.
        kinds: the kinds of callback, as the command line names them.
        identity: the field that names the message or transaction in the event that comes of it.
    """

    provider: CallbackProvider
    fields: Callable[[str], dict[str, Any]]
    make: Callable[..., Callback]
    kinds: tuple[str, ...]
    identity: str


SPEAKERS: Mapping[str, Speaker] = {
    speaker.provider.name: speaker
    for speaker in (
        Speaker(ZOOM_CONNECT, sample_fields, zoom_connect_callback, ("reply", "delivery-report"), "messageId"),
        Speaker(ZORYA, zorya_fields, zorya_callback, ("mo", "mt", "push-status"), "txID"),
    )
}
"""Every provider that callbacks can be made of, by name."""


def endpoints(provider: str, account: str) -> list[str]:
    """List the paths to hand to a provider for an account."""
    return [path.replace("{account}", account) for path in SPEAKERS[provider].provider.routes]


def read_answer(response: httpx.Response) -> str:
    """Say in a few words what was answered."""
    try:
        body = response.json()
    except json.JSONDecodeError:
        return response.text[:200]
    if isinstance(body, dict) and (not body or "error" in body):
        return str(body.get("error", ""))
    return response.text[:200]  # not an answer of ours: the API's own, or the emulator's where a function failed
