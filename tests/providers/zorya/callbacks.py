"""The one place where tests sign Zorya's callbacks: samples from `events/`, signed afresh, with overrides.

It makes tokens by RFC 7515 with the standard library alone, so that it is an independent witness of
`hookline.providers.zorya.verify` and of PyJWT.
"""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlencode

from tests import http_api
from tests.http_api import FORM, JSON, Event
from tests.samples import ACCOUNT, SECRET

FUNCTION = "receive_zorya"
ROUTES = {
    "mo": "POST /zorya/{account}/mo",
    "mt": "POST /zorya/{account}/mt",
    "push_status": "POST /zorya/{account}/{clientID}/{txID}/{status}",
    "any": "POST /zorya/{account}",
}
SAMPLES = {"mo": "mo", "mt": "mt-sent", "push_status": "push-status"}
PATH_NAMES = ("clientID", "txID", "status")
GOOD_FOR = 300
HASHES = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}

type Claims = dict[str, Any]
type Place = Literal["body", "field", "form", "header"]


def sample_claims(name: str) -> Claims:
    """Return the claims of the sample `events/receive_zorya/<name>.json`."""
    claims: Claims = json.loads(claims_text(token_of(http_api.load(FUNCTION, name))))
    return claims


def good_claims(kind: str, *, number: int = 1, **overrides: Any) -> Claims:
    """Return the claims of a good callback without times.

    Args:
        kind: `mo`, `mt` or `push_status`.
        number: which one it is: decides `txID`.
        overrides: other values by name; None leaves one out.
    """
    claims = {**sample_claims(SAMPLES[kind]), "txID": f"tx-{number:09d}", **overrides}
    return {name: value for name, value in claims.items() if value is not None}


def times(at: float) -> Claims:
    """Return the claims that limit a token's time."""
    return {"iat": int(at), "nbf": int(at), "exp": int(at) + GOOD_FOR}


def token(
    claims: Claims | str | bytes,
    secret: str | bytes = SECRET,
    *,
    algorithm: str = "HS256",
    header: Mapping[str, Any] | str | None = None,
    signed_as: Claims | None = None,
) -> str:
    """Make a compact JWS.

    Args:
        claims: an object, or the very text.
        secret: what it is signed with.
        algorithm: what its header says, and what is used where that is an HMAC.
        header: the header instead of `{"alg": …, "typ": "JWT"}`, or its very text.
        signed_as: what is signed, where that is not `claims`: a tampered token.
    """
    head = {"alg": algorithm, "typ": "JWT"} if header is None else header
    first = encode(head if isinstance(head, str) else json.dumps(head))
    mac = sign(f"{first}.{encode(_text(claims if signed_as is None else signed_as))}", secret, algorithm)
    return f"{first}.{encode(_text(claims))}.{mac}"


def sign(signed: str, secret: str | bytes, algorithm: str = "HS256") -> str:
    """Make a signature over what stands before it in a token."""
    key = secret if isinstance(secret, bytes) else secret.encode()
    return encode(hmac.new(key, signed.encode(), HASHES.get(algorithm, "sha256")).digest())


def encode(text: str | bytes) -> str:
    """Encode as a segment of a token."""
    raw = text if isinstance(text, bytes) else text.encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(segment: str) -> bytes:
    """Decode a segment of a token."""
    return urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def claims_text(token: str) -> str:
    """Return the text that a token's claims are."""
    return decode(token.split(".")[1]).decode()


def placed(
    kind: str,
    token: str,
    *,
    place: Place = "body",
    account: str = ACCOUNT,
    path: Mapping[str, Any] | None = None,
    field: str = "token",
    content_type: str | None = "application/jwt",
) -> Event:
    """Make the HTTP API event of a request with a token.

    Args:
        kind: decides the route.
        token: what stands there, whatever it is.
        place: where it stands.
        account: the account in the path.
        path: the values of the names in the route of `pushStatus`.
        field: the name of the field, for `field` and `form`.
        content_type: the body's, where the token is the body.
    """
    values = {name: str((path or {}).get(name, "1")) for name in PATH_NAMES if name in ROUTES[kind]}
    route, parameters = ROUTES[kind], {"account": account, **values}
    match place:
        case "body":
            return http_api.http_event(route, parameters, body=token.encode(), content_type=content_type)
        case "field":
            body = json.dumps({"id": 1, field: token}).encode()
            return http_api.http_event(route, parameters, body=body, content_type=JSON)
        case "form":
            body = urlencode({"id": 1, field: token}).encode()
            return http_api.http_event(route, parameters, body=body, content_type=FORM)
        case "header":
            return with_bearer(http_api.http_event(route, parameters), token)


def with_bearer(event: Event, token: str) -> Event:
    """Return a copy of an event with a bearer token."""
    return {**event, "headers": {**event["headers"], "authorization": f"Bearer {token}"}}


def signed(
    kind: str,
    claims: Claims,
    *,
    secret: str = SECRET,
    account: str = ACCOUNT,
    place: Place = "body",
    signed_as: Claims | None = None,
    path: Mapping[str, Any] | None = None,
) -> Event:
    """Make the HTTP API event of a signed callback; the path says what the claims say, where `path` does not."""
    made = token(claims, secret, signed_as=signed_as)
    return placed(kind, made, place=place, account=account, path={**claims, **(path or {})})


def token_of(event: Event) -> str:
    """Return the token of an event that has it in the body, whole or as `token`."""
    body = http_api.body_of(event).decode()
    found: str = json.loads(body)["token"] if body.startswith("{") else body
    return found


def _text(claims: Claims | str | bytes) -> str | bytes:
    return json.dumps(claims) if isinstance(claims, dict) else claims
