"""From Zoom Connect's verified fields to events.

Source: the provider's document, "Receiving a reply" and "Receiving a delivery report"; how we read what it leaves
open is in docs/zoom-connect.md.
"""

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from hookline.errors import UnrecognisedError
from hookline.events import CallbackNormaliser, Happening, SmsReceived, SmsStatus, SmsStatusUpdated
from hookline.numbers import e164
from hookline.providers.zoom_connect.verify import parse_payload

STATUSES: Mapping[str, tuple[SmsStatus, bool]] = {
    "SCHEDULED": (SmsStatus.SCHEDULED, False),
    "UNKNOWN": (SmsStatus.UNKNOWN, False),
    "SENT": (SmsStatus.SENT, False),
    "DELIVERED": (SmsStatus.DELIVERED, True),
    "FAILED": (SmsStatus.FAILED, True),
    "FAILED_REFUNDED": (SmsStatus.FAILED, True),
    "FAILED_OPTOUT": (SmsStatus.FAILED, True),
}
"""The provider's status to ours and whether it is final. Any other is kept as it came: unknown, not final."""

_WRITTEN_BY_PEOPLE = {b"message", b"campaign", b"dataField"}
_INBOUND_PREFIX = "INF-"
_ID_BYTES = 12
_DATE_FORMAT = "%Y%m%d%H%M"


def read_fields(payload: str) -> dict[str, Any]:
    """Decode a payload's values by its own `charset`, UTF-8 where it names none or one that does not exist.

    The charset is that of what people wrote. Ids, numbers and dates in ASCII are read as ASCII whatever it says:
    UTF-16 would make other ids of them.

    Returns:
        Values by name. A value that does not decode is `{"base64": …}`: the bytes, whole.
    """
    raw = parse_payload(payload)
    charset = raw.get(b"charset", b"").decode("ascii", "replace") or "utf-8"
    return {
        name.decode("utf-8", "backslashreplace"): _decode(
            value, "ascii" if value.isascii() and name not in _WRITTEN_BY_PEOPLE else charset
        )
        for name, value in raw.items()
    }


def normalise(kind: str, fields: Mapping[str, Any], settings: Mapping[str, str]) -> Happening:
    """Say what a callback tells.

    Args:
        kind: `reply` or `delivery_report`.
        fields: as `read_fields` gives them.
        settings: `timezone`, the IANA name of the zone that `date` is in.

    Raises:
        UnrecognisedError: a field that the kind can't be without is missing.
    """
    build = {"reply": _reply, "delivery_report": _delivery_report}.get(kind)
    if build is None:
        raise UnrecognisedError("the kind of callback is not known")
    return build(fields, _occurred_at(fields, settings))


def _reply(fields: Mapping[str, Any], occurred_at: datetime | None) -> Happening:
    message = fields.get("message")
    if message is None:
        raise UnrecognisedError("a reply without message")
    token = _text(fields, "dataField")
    original = _text(fields, "repliedToMessageId") or _id_in_recipient(_text(fields, "to"))
    recipient = _text(fields, "to")
    data = SmsReceived(
        from_=e164(_required(fields, "from")),
        to=None if recipient is None or recipient.startswith(_INBOUND_PREFIX) else recipient,
        message_id=_required(fields, "messageId"),
        text=message if isinstance(message, str) else _as_text(message),
        text_complete=isinstance(message, str),
        in_reply_to=original,
        campaign=_text(fields, "campaign"),
        reference=token,
    )
    return Happening(data, occurred_at, _links(message_id=original, token=token))


def _delivery_report(fields: Mapping[str, Any], occurred_at: datetime | None) -> Happening:
    provider_status = _required(fields, "status")
    status, final = STATUSES.get(provider_status, (SmsStatus.UNKNOWN, False))
    message_id = _required(fields, "messageId")
    token = _text(fields, "dataField")
    recipient = _text(fields, "from")  # the handset that the report comes from is whom the message went to
    data = SmsStatusUpdated(
        status=status,
        final=final,
        message_id=message_id,
        to=e164(recipient) if recipient else None,
        provider_code=provider_status,
        campaign=_text(fields, "campaign"),
        reference=token,
    )
    return Happening(data, occurred_at, _links(message_id=message_id, token=token))


def _links(*, message_id: str | None, token: str | None) -> tuple[tuple[str, str], ...]:
    named = (("message_id", message_id), ("token", token))
    return tuple((kind, value) for kind, value in named if value)


def _id_in_recipient(recipient: str | None) -> str | None:
    """`INF-WnV8e3c2tsHTQKDb` carries the 12-byte id of the message replied to, as base64url; ours is its hex."""
    if recipient is None or not recipient.startswith(_INBOUND_PREFIX):
        return None
    try:
        identity = base64.b64decode(recipient.removeprefix(_INBOUND_PREFIX), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return identity.hex() if len(identity) == _ID_BYTES else None


def _occurred_at(fields: Mapping[str, Any], settings: Mapping[str, str]) -> datetime | None:
    try:
        naive = datetime.strptime(_text(fields, "date") or "", _DATE_FORMAT)  # noqa: DTZ007  # its zone is next
    except ValueError:
        return None
    return naive.replace(tzinfo=ZoneInfo(settings["timezone"]))


def _required(fields: Mapping[str, Any], name: str) -> str:
    value = _text(fields, name)
    if value is None:
        raise UnrecognisedError(f"a callback without {name}, or with one that does not decode")
    return value


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) and value else None


def _decode(value: bytes, charset: str) -> str | dict[str, str]:
    for codec in (charset, "utf-8"):
        try:
            text = value.decode(codec)
            text.encode()  # a codec such as utf-7 can make half of a surrogate pair, which no event can carry
        except UnicodeError:
            break
        except (LookupError, ValueError):
            continue
        return text
    return {"base64": base64.b64encode(value).decode()}


def _as_text(undecoded: Mapping[str, str]) -> str:
    return base64.b64decode(undecoded["base64"]).decode("utf-8", "replace")


CALLBACKS = CallbackNormaliser(name="zoom_connect", read_fields=read_fields, normalise=normalise)
"""What `publish` makes events of Zoom Connect's callbacks with."""
