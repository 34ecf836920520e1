"""Sample HTTP API events, signed afresh: what they say and where it stands stays as it is."""

import base64
import json
import re
import uuid
import warnings
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, quote_plus, unquote_plus

import jwt

from hookline.callbacks import Refused, Request
from hookline.providers.zoom_connect import verify as zoom_connect
from hookline.providers.zoom_connect.settings import read_settings
from hookline.providers.zorya import tokens
from hookline.providers.zorya.settings import AUTO
from hookline.receive import read_request
from hookline_cli.callbacks import newest_secret
from hookline_cli.errors import CommandError

TOKEN_SECONDS = 3600
"""How long a token is good that says until when."""

type Event = Mapping[str, Any]


def signed_sample(event: Event, account: str, document: Mapping[str, Any], *, now: float) -> dict[str, Any]:
    """Sign a sample afresh, for an account. Its times, its nonce and its signature are new, and nothing else.

    Args:
        event: an HTTP API event (payload format 2.0) of the account's provider.
        account: the account's name.
        document: its document, secrets included.
        now: seconds since the epoch, UTC.

    Raises:
        CommandError: the sample holds nothing that can be signed.
    """
    return SIGN_AGAIN[document["provider"]](_for_account(event, account), document, now)


def _sign_zoom_connect(event: Event, document: Mapping[str, Any], now: float) -> dict[str, Any]:
    settings = read_settings(document.get("settings", {}))

    def at(moment: float, form: str) -> str:
        return datetime.fromtimestamp(moment, settings.zone).strftime(form)

    fresh = {
        "nonce": str(uuid.uuid4()),
        "nonce-date": at(now + settings.nonce_window, "%Y%m%d%H%M%S"),
        "date": at(now, "%Y%m%d%H%M"),
    }
    made = _with_parameters(event, fresh)
    segments = zoom_connect.read_parameters(_request(made))
    if isinstance(segments, Refused):
        raise CommandError(f"the sample can't be signed: {segments.detail}")
    parameters = zoom_connect.parse_payload(b"&".join(segments.values()).decode("latin-1"))
    unsigned = {zoom_connect.CHECKSUM, *(name.encode() for name in settings.unsigned_parameters)}
    covered = [pair for pair in parameters.items() if pair[0] not in unsigned]
    checksum = zoom_connect.sign(covered, newest_secret(document), java=settings.canonical_form == "java")
    return _with_parameters(made, {"checksum": checksum})


def _with_parameters(event: Event, values: Mapping[str, str]) -> dict[str, Any]:
    """Give parameters of a sample other values, each where it stands: query string, form or JSON."""
    request = _request(event)
    is_json = request.body.lstrip()[:1] == b"{"
    body = request.body.decode("latin-1")  # bytes that are no text of ours stay what they are
    body = _in_json(body, values) if is_json else _in_form(body, values)
    return _with(event, _in_form(request.query.decode(), values), body.encode("latin-1"))


def _in_form(form: str, values: Mapping[str, str]) -> str:
    def changed(segment: str) -> str:
        name, equals, _ = segment.partition("=")
        value = values.get(unquote_plus(name))
        return segment if value is None or not equals else f"{name}={quote_plus(value)}"

    return "&".join(changed(segment) for segment in form.split("&"))


def _in_json(text: str, values: Mapping[str, Any], value: str = r'"(?:[^"\\]|\\.)*"|[^\s,}\]]+') -> str:
    for name, new in values.items():
        member = rf"({re.escape(json.dumps(name))}\s*:\s*)(?:{value})"
        text = re.sub(member, partial(_with_value, json.dumps(new)), text)
    return text


def _with_value(value: str, member: re.Match[str]) -> str:
    return member[1] + value


def _sign_zorya(event: Event, document: Mapping[str, Any], now: float) -> dict[str, Any]:
    request = _request(event)
    found = tokens.find(request)
    token = None if isinstance(found, Refused) else found.token(AUTO)
    if token is None:
        raise CommandError("the sample can't be signed: there is no token in it")
    new = _sign_token(token, newest_secret(document), int(now))
    headers = {name: value.replace(token, new) for name, value in event["headers"].items()}
    body = request.body.replace(token.encode(), new.encode())
    return _with({**event, "headers": headers}, request.query.decode(), body)


def _sign_token(token: str, secret: bytes, now: int) -> str:
    """Sign a token's claims again: their text stays, but for its times, where it has some."""
    try:
        header = jwt.get_unverified_header(token)
        part = token.split(".")[1]
        claims = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode()
        times = {"iat": now, "nbf": now, "exp": now + TOKEN_SECONDS}
        claims = _in_json(claims, times, value=r"-?[0-9][0-9.eE+-]*")
        algorithm = header.pop("alg")
        with warnings.catch_warnings():  # the provider chooses its secret, and may choose a short one
            warnings.simplefilter("ignore")
            return jwt.PyJWS().encode(claims.encode(), secret, algorithm=algorithm, headers=header)
    except (jwt.PyJWTError, NotImplementedError, KeyError, ValueError):
        raise CommandError("the sample can't be signed: its token can't be read") from None


SIGN_AGAIN: Mapping[str, Callable[[Event, Mapping[str, Any], float], dict[str, Any]]] = {
    "zoom_connect": _sign_zoom_connect,
    "zorya": _sign_zorya,
}
"""How a sample is signed, by provider: takes the sample, the account's document, and the time."""


def _for_account(event: Event, account: str) -> dict[str, Any]:
    """Put another account into a sample's address."""
    context, steps = event["requestContext"], event["rawPath"].split("/")
    steps[event["routeKey"].partition(" ")[2].split("/").index("{account}")] = account
    path = "/".join(steps)
    return {
        **event,
        "rawPath": path,
        "pathParameters": {**event["pathParameters"], "account": account},
        "requestContext": {**context, "http": {**context["http"], "path": path}},
    }


def _request(event: Event) -> Request:
    request = read_request(event)
    if isinstance(request, Refused):
        raise CommandError(f"the sample can't be signed: {request.detail}")
    return request


def _with(event: Event, query: str, body: bytes) -> dict[str, Any]:
    """Give a sample another query string and another body, in base64 where it was so."""
    made = {**event, "rawQueryString": query, "headers": {**event["headers"], "content-length": str(len(body))}}
    made.pop("queryStringParameters", None)
    if query:
        made["queryStringParameters"] = dict(parse_qsl(query, keep_blank_values=True))
    if event.get("isBase64Encoded"):
        made["body"] = base64.b64encode(body).decode()
    elif "body" in event:
        made["body"] = body.decode("utf-8", "surrogatepass")
    return made
