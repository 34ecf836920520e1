"""The one place where tests sign Zoom Connect callbacks: samples from `events/`, signed afresh, with overrides.

It signs by the provider's recipe with the standard library alone, so that it is an independent witness of
`hookline.providers.zoom_connect.verify`.
"""

import hmac
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode

from tests import http_api
from tests.http_api import FORM, JSON, Event
from tests.samples import ACCOUNT, NOW, SECRET

FUNCTION = "receive_zoom_connect"
ROUTES = {
    "reply": "POST /zoom-connect/{account}/reply",
    "delivery_report": "POST /zoom-connect/{account}/delivery-report",
}
SAMPLES = {"reply": "reply", "delivery_report": "delivery-report"}
GOOD_FOR = timedelta(minutes=5)
SOUTH_AFRICA = timedelta(hours=2)

type Fields = dict[str, str]
type Place = Literal["query", "body", "both", "json"]


def sample_fields(name: str) -> Fields:
    """Return the parameters of the sample `events/receive_zoom_connect/<name>.json`, its checksum left out."""
    event = http_api.load(FUNCTION, name)
    raw = event["rawQueryString"] + "&" + http_api.body_of(event).decode()
    return {name: value for name, value in parse_qsl(raw, keep_blank_values=True) if name != "checksum"}


def good_fields(kind: str, *, at: float = NOW, number: int = 1, **overrides: Any) -> Fields:
    """Return the parameters of a good callback.

    Args:
        kind: `reply` or `delivery_report`.
        at: when it is sent, seconds since the epoch: decides `nonce-date`.
        number: which one it is: decides `nonce`.
        overrides: other values, by name with `_` for `-`; None leaves one out.
    """
    stamped = {
        **sample_fields(SAMPLES[kind]),
        "nonce": f"89430dc5-cac1-4795-9dd0-{number:012d}",
        "nonce-date": local_time(at + GOOD_FOR.total_seconds()),
        **{name.replace("_", "-"): value for name, value in overrides.items()},
    }
    return {name: value for name, value in stamped.items() if value is not None}


def local_time(moment: float) -> str:
    """Write a moment as the provider does: yyyyMMddHHmmss in Johannesburg, which has no daylight saving."""
    return (datetime.fromtimestamp(moment, UTC) + SOUTH_AFRICA).strftime("%Y%m%d%H%M%S")


def checksum(fields: Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]], secret: str, *, java: bool) -> str:
    """Sign parameters by the provider's documented recipe."""
    pairs = fields.items() if isinstance(fields, Mapping) else fields
    signed = encode(sorted(_as_bytes(pairs)), java=java)
    return hmac.new(secret.encode(), signed.encode(), "sha1").hexdigest()


def encode(pairs: Iterable[tuple[str | bytes, str | bytes]], *, java: bool = False) -> str:
    """Encode parameters as PHP's `http_build_query` or Java's `URLEncoder` does, in the order given."""
    return urlencode(list(pairs), safe="*" if java else "").replace("~", "%7E")


def signed(
    kind: str,
    fields: Fields,
    *,
    secret: str = SECRET,
    account: str = ACCOUNT,
    place: Place = "body",
    signed_as: Fields | None = None,
    java: bool = False,
) -> Event:
    """Make the HTTP API event of a signed callback.

    Args:
        kind: decides the route.
        fields: what is sent.
        secret: what it is signed with.
        account: the account in the path.
        place: where the parameters stand; `both` puts every second one into the body.
        signed_as: what the checksum is made over, where that is not `fields`.
        java: encode `*` as Java does.
    """
    mac = checksum(fields if signed_as is None else signed_as, secret, java=java)
    return placed(kind, [*fields.items(), ("checksum", mac)], account=account, place=place, java=java)


def placed(
    kind: str,
    pairs: list[tuple[str, str]],
    *,
    account: str = ACCOUNT,
    place: Place = "body",
    java: bool = False,
) -> Event:
    """Make the HTTP API event of a request with these parameters, whatever they are."""
    route, path = ROUTES[kind], {"account": account}
    match place:
        case "query":
            # The provider's document shows query strings that start with `&`.
            return http_api.http_event(route, path, query="&" + encode(pairs, java=java))
        case "body":
            return http_api.http_event(route, path, body=encode(pairs, java=java).encode(), content_type=FORM)
        case "both":
            query, body = encode(pairs[::2], java=java), encode(pairs[1::2], java=java)
            return http_api.http_event(route, path, query=query, body=body.encode(), content_type=FORM)
        case "json":
            return http_api.http_event(route, path, body=json.dumps(dict(pairs)).encode(), content_type=JSON)


def _as_bytes(pairs: Iterable[tuple[str | bytes, str | bytes]]) -> list[tuple[bytes, bytes]]:
    return [(_bytes(name), _bytes(value)) for name, value in pairs]


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
