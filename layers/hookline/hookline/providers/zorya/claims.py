"""Reading claims: the callback's fields, signed or not, as the document has them and as its tolerances allow.

Source: the provider's document, `pushStatus`, `moSMSCallback`, `mtSMSCallback`; how we read what it leaves open is in
docs/zorya.md. The verifier and the normaliser read by the same functions.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from hookline.callbacks import Reason, Refused
from hookline.providers.zorya.tables import TOP_UP_STATUSES

MAX_DEPTH = 16
"""Objects and arrays may stand this many levels deep."""

WRAPPERS = ("data", "payload")
"""Names under which the callback's fields can stand one level down."""

NAMES = (
    *("txID", "clientID", "msisdn", "message", "code", "status", "response", "amount", "amountCurrency", "cost"),
    *("currency", "detail", "dateTimeTransaction", "dateTimeStatus", "encoding", "segments", "mcc", "mnc", "error"),
)
"""The fields of callbacks that we know, as the document writes them; `msisdn` it writes `MSISDN` too."""

_ABOVE = ("txID", "clientID", "status")
_TELLING = ("txID", "msisdn", "amount", "status", "code", "message")
_KNOWN = frozenset(NAMES)
_AS_WRITTEN = {name.lower(): name for name in NAMES}
_WHOLE = re.compile(r"[+-]?[0-9]{1,9}(?:\.0{1,9})?")

type Claims = dict[str, Any]


class _TwiceError(ValueError):
    """A name stands twice in one JSON object."""


def read_json(text: str, what: str) -> Claims | Refused:
    """Read a JSON object that comes from outside.

    Names lose the blanks around them; a number with a fraction or an exponent stays the text that it was.

    Args:
        text: the JSON text.
        what: what it is, for the refusal's words.

    Returns:
        The object; or Refused where it is none, a name comes twice in one object, or it is nested too deeply.
    """
    try:
        document = parse(text)
    except _TwiceError:
        return Refused(Reason.MALFORMED, f"{what}: a name comes twice in one object")
    except (ValueError, RecursionError):
        return Refused(Reason.MALFORMED, f"{what}: not JSON, or nested too deeply")
    if not isinstance(document, dict):
        return Refused(Reason.MALFORMED, f"{what}: not a JSON object")
    if text.count("{") + text.count("[") > MAX_DEPTH and _is_deeper(document, MAX_DEPTH):
        return Refused(Reason.MALFORMED, f"{what}: nested more than {MAX_DEPTH} levels deep")
    return document


def parse(text: str) -> Any:
    """Read JSON as `read_json` does.

    Raises:
        ValueError: it is not JSON, holds NaN or Infinity, or a name comes twice in one object.
        RecursionError: it is nested too deeply to be read at all.
    """
    return _DECODER.decode(text)


def locate(claims: Claims) -> tuple[Claims, str | None]:
    """Find the callback's fields, at the top of the claims or one level down.

    Returns:
        The object that holds them, its names as the document writes them, with what of `txID`, `clientID` and
        `status` stands above it alone; and the kind of callback that its shape tells, None where it tells none.
    """
    top = as_written(claims)
    kind = _shape(top)
    if kind:
        return top, kind
    levels = [as_written(inner) for name in WRAPPERS if isinstance(inner := claims.get(name), dict)]
    for level in levels:
        kind = _shape(level)
        if kind:
            return _below(top, level), kind
    for level in (top, *levels):
        if any(level.get(name) is not None for name in _TELLING):
            return _below(top, level), None
    return top, None


def as_written(fields: Claims) -> Claims:
    """Return an object with the names that we know as the document writes them, whatever their case was.

    A name that stands there as the document writes it outranks others; of others the first counts.
    """
    if fields.keys() <= _KNOWN:
        return fields
    written = dict(fields)
    for name, value in fields.items():
        known = _AS_WRITTEN.get(name.lower(), name)
        if value is not None and written.get(known) is None:
            written[known] = value
    return written


def get(fields: Claims, name: str) -> Any:
    """Return one field by its name as the document writes it; where there is none, without regard to case."""
    value = fields.get(name)
    if value is None:
        wanted = name.lower()
        value = next((it for key, it in fields.items() if it is not None and key.lower() == wanted), None)
    return value


def as_text(value: object) -> str | None:
    """Return a text or a number as text, without blanks around it; None for anything else and for nothing."""
    if isinstance(value, str):
        return value.strip() or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def as_code(value: object) -> str | None:
    """Return a code (`200`, `"200"`, `" 200.0"`) in its one form, `200`; another text as it is; None for nothing."""
    text = as_text(value)
    return str(int(text.partition(".")[0])) if text and _WHOLE.fullmatch(text) else text


def as_status(value: object) -> str | None:
    """Return a status of Table 2 as its code, where it came as the table's words too; another text as it is."""
    code = as_code(value)
    return _STATUS_CODES.get(code.lower(), code) if code else None


def _shape(fields: Claims) -> str | None:
    if fields.get("code") is not None:
        response = fields.get("response")
        is_top_up = isinstance(response, dict) and as_written(response).get("amount") is not None
        return None if is_top_up else "mt"
    if fields.get("message") is not None and fields.get("msisdn") is not None:
        return "mo"
    if fields.get("amount") is not None and fields.get("status") is not None:
        return "push_status"
    return None


def _below(top: Claims, level: Claims) -> Claims:
    above = {name: value for name in _ABOVE if (value := top.get(name)) is not None and level.get(name) is None}
    return {**level, **above} if above else level


def _is_deeper(document: Claims, levels: int) -> bool:
    level: list[Any] = [document]
    for _ in range(levels):
        inner = [list(it.values()) if isinstance(it, dict) else it for it in level]
        level = [it for values in inner for it in values if isinstance(it, dict | list)]
    return bool(level)


def _unique(pairs: list[tuple[str, Any]]) -> Claims:
    members = {name.strip(): value for name, value in pairs}
    if len(members) != len(pairs):
        raise _TwiceError
    return members


def _refuse_constant(_name: str) -> None:
    raise ValueError("NaN and Infinity are not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=str, parse_constant=_refuse_constant)
_STATUS_CODES: Mapping[str, str] = {row.description.lower(): code for code, row in TOP_UP_STATUSES.items()}
