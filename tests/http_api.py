"""HTTP API events (payload format 2.0), as API Gateway hands them to a function."""

import base64
import copy
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from tests.samples import NOW

type Event = dict[str, Any]

EVENTS = Path(__file__).parent.parent / "events"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
_TEXT_TYPES = ("text/", JSON, "application/javascript", "application/xml")


def load(function: str, case: str) -> Event:
    """Return the sample event `events/<function>/<case>.json`."""
    event: Event = json.loads((EVENTS / function / f"{case}.json").read_text())
    return event


def http_event(
    route_key: str,
    path_parameters: Mapping[str, str],
    *,
    query: str = "",
    body: bytes | None = None,
    content_type: str | None = FORM,
    headers: Mapping[str, str] | None = None,
) -> Event:
    """Make an event of a request.

    Args:
        route_key: for example `POST /zoom-connect/{account}/reply`.
        path_parameters: the values of the names in braces.
        query: the raw query string.
        body: the raw body; None for none. API Gateway hands it over as base64 unless its type is a text's.
        content_type: the body's; None for none.
        headers: more headers, names in lower case.
    """
    method, _, path = route_key.partition(" ")
    for name, value in path_parameters.items():
        path = path.replace(f"{{{name}}}", value)
    event: Event = {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": {
            "accept": "*/*",
            "content-length": str(len(body or b"")),
            "host": "a1b2c3d4e5.execute-api.af-south-1.amazonaws.com",
            "user-agent": "Java/1.8.0_212",
            "x-amzn-trace-id": "Root=1-6921646c-0a1b2c3d4e5f60718293a4b5",
            "x-forwarded-for": "196.41.123.45",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
            **(headers or {}),
        },
        "pathParameters": dict(path_parameters),
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3d4e5",
            "domainName": "a1b2c3d4e5.execute-api.af-south-1.amazonaws.com",
            "domainPrefix": "a1b2c3d4e5",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "196.41.123.45",
                "userAgent": "Java/1.8.0_212",
            },
            "requestId": "UbQbXgHHCPEEMVg=",
            "routeKey": route_key,
            "stage": "$default",
            "time": datetime.fromtimestamp(NOW, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(NOW * 1000),
        },
        "isBase64Encoded": False,
    }
    if query:
        event["queryStringParameters"] = dict(parse_qsl(query, keep_blank_values=True))
    return event if body is None else with_body(event, body, content_type)


def with_body(event: Event, body: bytes, content_type: str | None = FORM) -> Event:
    """Return a copy of an event with another body, in base64 where API Gateway would make it so."""
    changed = copy.deepcopy(event)
    changed["headers"]["content-length"] = str(len(body))
    changed["headers"].pop("content-type", None)
    if content_type is not None:
        changed["headers"]["content-type"] = content_type
    is_text = content_type is not None and content_type.startswith(_TEXT_TYPES) and _is_utf8(body)
    changed["isBase64Encoded"] = not is_text
    changed["body"] = body.decode() if is_text else base64.b64encode(body).decode()
    return changed


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def with_query(event: Event, query: str) -> Event:
    """Return a copy of an event with another query string."""
    changed = copy.deepcopy(event)
    changed["rawQueryString"] = query
    changed["queryStringParameters"] = dict(parse_qsl(query, keep_blank_values=True))
    return changed


def body_of(event: Mapping[str, Any]) -> bytes:
    """Return an event's body as it travelled."""
    body: str = event.get("body", "")
    return base64.b64decode(body) if event["isBase64Encoded"] else body.encode()


def as_base64(event: Event) -> Event:
    """Return the same request with its body in base64."""
    changed = copy.deepcopy(event)
    changed["body"] = base64.b64encode(body_of(event)).decode()
    changed["isBase64Encoded"] = True
    return changed


def as_text(event: Event) -> Event:
    """Return the same request with its body as text: it must be UTF-8."""
    changed = copy.deepcopy(event)
    changed["body"] = body_of(event).decode()
    changed["isBase64Encoded"] = False
    return changed
