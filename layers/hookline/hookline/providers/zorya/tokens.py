"""Where the token stands in a request.

Source: the provider's document, "Webhooks", says only that a request's body carries a JWT. Every place is looked at,
whatever the account says, so that two tokens are never left to choose from and what is refused here tells nothing of
the account.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import parse_qsl

from hookline.callbacks import MAX_REQUEST_BYTES, Reason, Refused, Request
from hookline.providers.zorya.claims import Claims, read_json
from hookline.providers.zorya.settings import AUTO

MAX_TOKEN_BYTES = 16 * 1024
"""A token may be this long. The longest SMS that there is, with every field that there is, takes a tenth of it."""

MAX_FORM_FIELDS = 100
FIELDS = ("token", "jwt", "data")
"""Names under which a token can stand in a body that is a JSON object or a form."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")


class Found(NamedTuple):
    """What stands in a request.

    Attributes:
        tokens: places and tokens, in the order that they are tried in; all of them are the same token.
        document: the body's text where it is a JSON object.
    """

    tokens: tuple[tuple[str, str], ...]
    document: str | None

    def token(self, location: str) -> str | None:
        """Return the token that stands where `jwt_location` says; None where there is none."""
        return next((token for place, token in self.tokens if location in {AUTO, place}), None)


def find(request: Request) -> Found | Refused:
    """Look at every place that a token can stand in.

    Returns:
        What there is; or Refused where the request or the token is too large, the body can't be read, or there are
        two different tokens.
    """
    if len(request.query) + len(request.body) > MAX_REQUEST_BYTES:
        return Refused(Reason.TOO_LARGE, f"query string and body are longer than {MAX_REQUEST_BYTES} bytes")
    try:
        body = request.body.decode("utf-8").strip()
    except UnicodeDecodeError:
        return Refused(Reason.MALFORMED, "the body is not UTF-8")
    tokens: list[tuple[str, str]] = []
    document = None
    if _is_token(body):
        tokens.append(("body", body))
    elif body:
        content = _read_body(body, request.headers.get("content-type", "").lower())
        if isinstance(content, Refused):
            return content
        document = body if isinstance(content, dict) else None
        members = content.items() if isinstance(content, dict) else content
        tokens += [("field", value.strip()) for name, value in members if name in FIELDS and _is_token(value)]
    authorization = request.headers.get("authorization")
    if authorization:
        tokens += [("header", token) for token in _bearers(authorization)]
    if any(token != tokens[0][1] for _, token in tokens):
        return Refused(Reason.MALFORMED, "there are two different tokens in one request")
    if tokens and len(tokens[0][1]) > MAX_TOKEN_BYTES:
        return Refused(Reason.TOO_LARGE, f"the token is longer than {MAX_TOKEN_BYTES} bytes")
    return Found(tuple(tokens), document)


def _read_body(body: str, content_type: str) -> Claims | list[tuple[str, str]] | Refused:
    """Read a body that is no token: a JSON object, or else a form, which may be one without a field of a token."""
    if body[0] == "{" or "json" in content_type:
        return read_json(body, "the body")
    try:
        return parse_qsl(body, max_num_fields=MAX_FORM_FIELDS)
    except ValueError:
        return Refused(Reason.MALFORMED, f"the form has more than {MAX_FORM_FIELDS} fields")


def _bearers(authorization: str) -> Iterator[str]:
    """Yield the bearer tokens of an `Authorization` header: an HTTP API joins several headers with commas."""
    for part in authorization.split(","):
        scheme, _, token = part.strip().partition(" ")
        if scheme.lower() == "bearer" and _is_token(token):
            yield token.strip()


def _is_token(value: object) -> bool:
    return isinstance(value, str) and _TOKEN.fullmatch(value.strip()) is not None
