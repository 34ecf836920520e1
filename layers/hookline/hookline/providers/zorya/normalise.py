"""From Zorya's verified claims to events.

Source: the provider's document, `pushStatus`, `moSMSCallback`, `mtSMSCallback`, Tables 1, 2 and 4; how we read what it
leaves open is in docs/zorya.md.
"""

import json
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from hookline.errors import UnrecognisedError
from hookline.events import (
    CallbackNormaliser,
    Happening,
    Money,
    SmsReceived,
    SmsStatus,
    SmsStatusUpdated,
    TopUpStatus,
    TopUpStatusUpdated,
)
from hookline.numbers import e164
from hookline.providers.zorya.claims import Claims, as_code, as_status, as_text, as_written, locate, parse
from hookline.providers.zorya.tables import MT_STATUSES, RESPONSE_CODES, TOP_UP_STATUSES, Status
from hookline.providers.zorya.values import (
    as_amount,
    as_currency,
    as_encoding,
    as_moment,
    as_number,
    as_segments,
    replace_surrogates,
)

_UNKNOWN = Status("", "unknown", final=False)


def read_fields(payload: str) -> dict[str, Any]:
    """Read a payload that the verifier made.

    Returns:
        `claims`, as they were signed; `signed`, false where an account lets unsigned callbacks in; and `path`, what
        stood in the address of a top-up's status. Names have lost the blanks around them, a number with a fraction is
        the text that it was, and a text that is no Unicode (half an emoji) is `{"json": …}`: its JSON, whole.
    """
    fields: dict[str, Any] = _as_unicode(parse(payload))
    return fields


def normalise(kind: str, fields: Mapping[str, Any], settings: Mapping[str, str]) -> Happening:
    """Say what a callback tells.

    Args:
        kind: `mo`, `mt` or `push_status`.
        fields: as `read_fields` gives them.
        settings: `timezone`, the IANA name of the zone of dates that carry no offset.

    Raises:
        UnrecognisedError: a field that the kind can't be without is missing, or the kind is none of these.
    """
    claims: Claims = fields["claims"]
    zone = ZoneInfo(settings["timezone"])
    if kind == "mo":
        return _mo(claims, zone)
    if kind == "mt":
        return _mt(claims, zone)
    if kind == "push_status":
        return _push_status(claims, fields.get("path", {}), zone)
    raise UnrecognisedError("the claims have no shape that we know")


def _mo(claims: Claims, zone: ZoneInfo) -> Happening:
    fields, _ = locate(claims)
    transaction = _transaction(fields)
    sender = as_text(fields.get("msisdn"))
    if sender is None:
        raise UnrecognisedError("an MO callback without msisdn")
    text, complete = _message(fields.get("message"))
    data = SmsReceived(from_=e164(sender), message_id=transaction, text=text, text_complete=complete)
    return Happening(data, as_moment(fields.get("dateTimeTransaction"), zone), _links(transaction))


def _mt(claims: Claims, zone: ZoneInfo) -> Happening:
    fields, _ = locate(claims)
    transaction = _transaction(fields)
    code = as_code(fields.get("code"))
    if code is None:
        raise UnrecognisedError("an MT callback without a code")
    row = MT_STATUSES.get(code, _UNKNOWN)
    response = fields.get("response")
    details = as_written(response) if isinstance(response, dict) else fields
    data = SmsStatusUpdated(
        status=SmsStatus(row.status),
        final=row.final,
        message_id=transaction,
        to=as_number(details.get("msisdn")),
        provider_code=code,
        provider_text=as_text(fields.get("message")) or row.description or RESPONSE_CODES.get(code),
        cost=_money(details.get("cost"), details.get("currency")),
        encoding=as_encoding(details.get("encoding")),
        segments=as_segments(details.get("segments")),
        mcc=as_text(details.get("mcc")),
        mnc=as_text(details.get("mnc")),
    )
    occurred_at = details.get("dateTimeTransaction") or fields.get("dateTimeTransaction")
    return Happening(data, as_moment(occurred_at, zone), _links(transaction))


def _push_status(claims: Claims, path: Mapping[str, Any], zone: ZoneInfo) -> Happening:
    fields, _ = locate(claims)
    transaction = as_text(fields.get("txID")) or as_text(path.get("txID"))
    status = as_status(fields.get("status")) or as_status(path.get("status"))
    if transaction is None or status is None:
        raise UnrecognisedError("a top-up's status without txID or status")
    row = TOP_UP_STATUSES.get(status, _UNKNOWN)
    currency = fields.get("amountCurrency")
    occurred_at = fields.get("dateTimeStatus") or fields.get("dateTimeTransaction")
    data = TopUpStatusUpdated(
        status=TopUpStatus(row.status),
        final=row.final,
        transaction_id=transaction,
        to=as_number(fields.get("msisdn")),
        amount=_money(fields.get("amount"), currency),
        cost=_money(fields.get("cost"), fields.get("currency")),
        provider_code=status,
        provider_text=as_text(fields.get("detail")) or row.description or None,
        unconfirmed=[name for name in path if fields.get(name) is None],
    )
    return Happening(data, as_moment(occurred_at, zone), _links(transaction))


def _transaction(fields: Claims) -> str:
    transaction = as_text(fields.get("txID"))
    if transaction is None:
        raise UnrecognisedError("a callback without txID")
    return transaction


def _links(transaction: str) -> tuple[tuple[str, str], ...]:
    return (("message_id", transaction),)


def _message(value: object) -> tuple[str, bool]:
    """Return a message's text, and whether all of it is there."""
    if isinstance(value, str):
        return value, True
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value), True
    whole = _whole_text(value)
    if whole is not None:
        return replace_surrogates(whole), False
    raise UnrecognisedError("an MO callback whose message is not a text")


def _money(value: object, currency: object) -> Money | None:
    amount = as_amount(value)
    return None if amount is None else Money(amount=amount, currency=as_currency(currency))


def _as_unicode(value: Any) -> Any:
    """Make values fit for an event: a text with a lone surrogate in it can't be written as UTF-8."""
    match value:
        case dict():
            return {replace_surrogates(name): _as_unicode(inner) for name, inner in value.items()}
        case list():
            return [_as_unicode(inner) for inner in value]
        case str() if replace_surrogates(value) != value:
            return {"json": json.dumps(value)}
        case _:
            return value


def _whole_text(value: object) -> str | None:
    """Undo what `_as_unicode` made of a text."""
    if not isinstance(value, dict) or value.keys() != {"json"}:
        return None
    try:
        text = json.loads(value["json"])
    except (TypeError, ValueError):
        return None
    return text if isinstance(text, str) else None


CALLBACKS = CallbackNormaliser(name="zorya", read_fields=read_fields, normalise=normalise)
"""What `publish` makes events of Zorya's callbacks with."""
