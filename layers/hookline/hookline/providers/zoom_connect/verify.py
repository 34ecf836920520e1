"""Is this request a callback that Zoom Connect signed, and still good?

Source: the provider's document, "Receiving a reply", "Receiving a delivery report", "Validating a received message";
how we read what it leaves open is in docs/zoom-connect.md.

The checksum is the lower-case hex of an HMAC-SHA1 over every parameter but `checksum`, sorted by name and encoded as
PHP's `http_build_query` does. The raw `name=value` segments are tried first, sorted, as they came: if their MAC
matches, those are the very bytes that the sender signed, and no decoding had to be trusted. Only on a mismatch are
the parameters decoded and encoded again.
"""

import hmac
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from urllib.parse import quote_plus, unquote_to_bytes

from hookline.callbacks import (
    MAX_REQUEST_BYTES,
    CallbackProvider,
    Reason,
    ReceivingAccount,
    Refused,
    Request,
    Verdict,
    Verified,
)
from hookline.providers.zoom_connect.settings import SETTING_NAMES, ReceiveSettings, read_settings

CHECKSUM = b"checksum"
NONCE = b"nonce"
NONCE_DATE = b"nonce-date"
MAX_NONCE_BYTES = 200
ROUTES: Mapping[str, str] = {
    "/zoom-connect/{account}/reply": "reply",
    "/zoom-connect/{account}/delivery-report": "delivery_report",
}
"""The routes' paths, and the kind of callback that comes by each."""
DATE_DIGITS = len("yyyyMMddHHmmss")
PERCENT, PLUS = b"%+"  # as numbers: bytes find one of those in themselves many times faster than they find bytes

type Segments = dict[bytes, bytes]
"""A callback's parameters: the decoded name to the raw `name=value` segment."""


def verify(request: Request, account: ReceivingAccount, now: float) -> Verdict:
    """Say whether a request is a callback that may be accepted.

    Args:
        request: what came, undecoded.
        account: its live secrets and `ReceiveSettings`.
        now: seconds since the epoch, UTC.

    Returns:
        Verified, with the nonce as identity and the signed parameters as payload; or Refused. Never raises.
    """
    segments = read_parameters(request)
    if isinstance(segments, Refused):
        return segments
    claimed = segments.pop(CHECKSUM, None)
    if claimed is None:
        return Refused(Reason.SIGNATURE, "there is no checksum parameter")
    settings: ReceiveSettings = account.settings
    names = sorted(segments)
    if not _is_signed(segments, names, _decode(_value(claimed)), account.secrets, settings):
        return Refused(Reason.SIGNATURE, "the checksum does not match any live secret")
    return _check_nonce(request, segments, names, settings, now)


def read_parameters(request: Request) -> Segments | Refused:
    """Take the union of the parameters in the query string and in the body, each as its raw segment.

    Returns:
        Segments by decoded name; or Refused where the request is too large, a name comes twice with two values, or
        the body is neither a form nor a JSON object of texts and numbers.
    """
    query, body = request.query, request.body
    if len(query) + len(body) > MAX_REQUEST_BYTES:
        return Refused(Reason.TOO_LARGE, f"query string and body are longer than {MAX_REQUEST_BYTES} bytes")
    content_type = request.headers.get("content-type", "").lower()
    if "multipart/" in content_type:
        return Refused(Reason.MALFORMED, "the body must be a form (urlencoded) or a JSON object, not multipart")
    pieces = query.split(b"&")
    if body:
        if "json" in content_type or (body.lstrip()[:1] == b"{" and "form" not in content_type):
            from_json = _read_json(body)
            if isinstance(from_json, Refused):
                return from_json
            pieces += from_json
        else:
            pieces += body.strip(b"\r\n").split(b"&")
    return _by_name(pieces)


def sign(parameters: Iterable[tuple[str | bytes, str | bytes]], secret: bytes, *, java: bool = False) -> str:
    """Make the checksum that Zoom Connect would send with these parameters.

    Args:
        parameters: names and decoded values, `checksum` not among them; text is UTF-8.
        secret: the account's secret key.
        java: encode as Java's URLEncoder does (`*` stays) instead of PHP.

    Returns:
        Lower-case hex of the HMAC-SHA1.
    """
    return _mac(secret, canonical(parameters, java=java))


def canonical(parameters: Iterable[tuple[str | bytes, str | bytes]], *, java: bool = False) -> bytes:
    """Encode parameters as the string that is signed: sorted by name (bytes), as PHP's `http_build_query`."""
    pairs = sorted((_bytes(name), _bytes(value)) for name, value in parameters)
    return b"&".join(_quote(name, java=java) + b"=" + _quote(value, java=java) for name, value in pairs)


def parse_payload(payload: str) -> dict[bytes, bytes]:
    """Read a payload that `verify` made back into decoded names and values, in the order they were signed in."""
    pairs = (piece.partition(b"=") for piece in payload.encode("latin-1").split(b"&") if piece)
    return {_decode(name): _decode(value) for name, _, value in pairs}


def _by_name(pieces: Iterable[bytes]) -> Segments | Refused:
    segments: Segments = {}
    for piece in pieces:
        if not piece:
            continue
        name = _decode(piece.partition(b"=")[0])
        known = segments.setdefault(name, piece)
        if known is not piece and _decode(_value(known)) != _decode(_value(piece)):
            return Refused(Reason.MALFORMED, "a parameter comes twice with two values")
    return segments


def _read_json(body: bytes) -> list[bytes] | Refused:
    try:
        pairs = json.loads(body, object_pairs_hook=tuple, parse_int=str, parse_float=str, parse_constant=list)
    except (ValueError, RecursionError):
        return Refused(Reason.MALFORMED, "the body is not JSON")
    if not isinstance(pairs, tuple):
        return Refused(Reason.MALFORMED, "the JSON body is not an object")
    if not all(isinstance(value, str) or value is None for _, value in pairs):
        return Refused(Reason.MALFORMED, "a value in the JSON body is neither a text nor a number")
    return [
        _quote(_bytes(name)) + b"=" + _quote(_bytes(value))
        for name, value in pairs
        if value is not None  # http_build_query leaves a null out: it did not arrive
    ]


def _is_signed(
    segments: Segments, names: list[bytes], claimed: bytes, secrets: tuple[bytes, ...], settings: ReceiveSettings
) -> bool:
    signed = names
    if settings.unsigned_parameters:
        unsigned = {name.encode() for name in settings.unsigned_parameters}
        signed = [name for name in names if name not in unsigned]
    raw = b"&".join([segments[name] for name in signed])
    if _matches(raw, claimed, secrets):
        return True
    pairs = [(name, _decode(_value(segments[name]))) for name in signed]
    forms = (False, True) if settings.canonical_form == "either" else (settings.canonical_form == "java",)
    return any(_matches(canonical(pairs, java=java), claimed, secrets) for java in forms)


def _matches(signed: bytes, claimed: bytes, secrets: tuple[bytes, ...]) -> bool:
    matched = False
    for secret in secrets:  # every secret, always: the time taken says nothing of which one matched
        matched |= hmac.compare_digest(_mac(secret, signed).encode(), claimed)
    return matched


def _mac(secret: bytes, signed: bytes) -> str:
    return hmac.digest(secret, signed, "sha1").hex()


def _check_nonce(
    request: Request, segments: Segments, names: list[bytes], settings: ReceiveSettings, now: float
) -> Verdict:
    nonce = _decode(_value(segments.get(NONCE, b"")))
    if not 0 < len(nonce) <= MAX_NONCE_BYTES:
        return Refused(Reason.MALFORMED, f"nonce must be there and have 1 to {MAX_NONCE_BYTES} bytes")
    expiry = _read_expiry(_decode(_value(segments.get(NONCE_DATE, b""))), settings)
    if isinstance(expiry, Refused):
        return expiry
    if now > expiry + settings.clock_skew:
        return Refused(Reason.EXPIRED, "nonce-date has passed")
    if expiry > now + settings.nonce_window + settings.clock_skew:
        return Refused(Reason.TOO_FAR_AHEAD, "nonce-date is further ahead than nonce_window and clock_skew allow")
    content = b"&".join([segments[name] for name in names if name != NONCE_DATE])
    return Verified(
        kind=ROUTES.get(request.route, "unknown"),
        identity=nonce.decode("latin-1"),
        payload=b"&".join([segments[name] for name in names]).decode("latin-1"),
        fingerprint=sha256(content).hexdigest(),
    )


def _read_expiry(text: bytes, settings: ReceiveSettings) -> float | Refused:
    if len(text) != DATE_DIGITS or not text.isdigit():
        problem = f"nonce-date must be {DATE_DIGITS} digits, yyyyMMddHHmmss; {len(text)} bytes came"
        return Refused(Reason.MALFORMED, problem)
    try:
        expiry = datetime(
            int(text[:4]),
            int(text[4:6]),
            int(text[6:8]),
            int(text[8:10]),
            int(text[10:12]),
            int(text[12:]),
            tzinfo=settings.zone,
        )
        return expiry.timestamp()
    except (ValueError, OverflowError):
        return Refused(Reason.MALFORMED, "nonce-date, yyyyMMddHHmmss, names no moment of the calendar")


def _value(segment: bytes) -> bytes:
    return segment.partition(b"=")[2]


def _decode(text: bytes) -> bytes:
    if PLUS in text:
        text = text.replace(b"+", b" ")
    return unquote_to_bytes(text) if PERCENT in text else text


def _quote(text: bytes, *, java: bool = False) -> bytes:
    return quote_plus(text, safe="*" if java else "").replace("~", "%7E").encode()


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


def describe_settings(settings: ReceiveSettings) -> dict[str, str]:
    """Give what the normaliser will want of an account's settings, to be kept with the entry."""
    return {"timezone": settings.zone.key}


CALLBACKS = CallbackProvider(
    name="zoom_connect",
    read_settings=read_settings,
    setting_names=SETTING_NAMES,
    routes=ROUTES,
    verify=verify,
    acknowledgement="{}",
    normaliser_settings=describe_settings,
    replay_window=lambda settings: settings.replay_window,
)
"""What the receiver of Zoom Connect's callbacks is made of."""
