"""Callbacks as a provider would send them: for trying things out, for samples and for tests."""

import base64
import json
import time
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

import httpx

from hookline.providers.zoom_connect import verify as zoom_connect
from hookline.providers.zoom_connect.settings import read_settings
from hookline_cli.stack import Stack


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
        """Send it to a stack's API over HTTP."""
        url, headers = stack.wire(stack.api_url + self.path)
        if self.query:
            url += f"?{self.query}"
        return httpx.post(
            url, content=self.body, headers={"content-type": self.content_type, **self.headers, **headers}, timeout=30
        )

    def into(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Put it into a sample HTTP API event (payload format 2.0)."""
        headers = {**event["headers"], "content-type": self.content_type, "content-length": str(len(self.body))}
        made = {**event, "rawQueryString": self.query, "headers": {**headers, **self.headers}}
        if event.get("isBase64Encoded"):
            return {**made, "body": base64.b64encode(self.body).decode()}
        return {**made, "body": self.body.decode()}


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
    checksum = zoom_connect.sign(covered, document["signing_secrets"][0].encode())
    if tamper:
        signed["messageId"] += "0"
    encoded = urlencode({**signed, "checksum": checksum})
    path = f"/zoom-connect/{account}/{kind}"
    form = "application/x-www-form-urlencoded"
    if kind == "delivery-report":
        return Callback(path, f"&{encoded}", b"", form)
    return Callback(path, "", encoded.encode(), form)


def read_answer(response: httpx.Response) -> str:
    """Say in a few words what was answered."""
    try:
        body = response.json()
    except json.JSONDecodeError:
        return response.text[:200]
    return body.get("error", "") if isinstance(body, dict) else str(body)[:200]


def endpoints(provider: str, account: str) -> list[str]:
    """List the paths to hand to a provider for an account."""
    if provider == "zoom_connect":
        return [f"/zoom-connect/{account}/reply", f"/zoom-connect/{account}/delivery-report"]
    return []


def signed_sample(event: Mapping[str, Any], account: str, document: Mapping[str, Any], *, now: float) -> dict[str, Any]:
    """Sign a sample HTTP API event afresh, for an account."""
    kind = event["routeKey"].rpartition("/")[2]
    callback = zoom_connect_callback(account, document, kind, sample_fields(kind), now=now)
    return {**callback.into(event), "rawPath": callback.path, "pathParameters": {"account": account}}
