"""Reading the values of a field: numbers, money, dates and encodings, with the tolerances that the document needs.

Each takes what stood in the JSON, a number or a text, and returns None where it can't be read. Callbacks and answers
of the REST API are read by the same functions. Source: the provider's document; docs/zorya.md says how we read it.
"""

import re
from datetime import datetime
from decimal import Decimal
from typing import Literal, cast
from zoneinfo import ZoneInfo

from hookline.numbers import e164
from hookline.providers.zorya.claims import as_code, as_text
from hookline.providers.zorya.tables import ENCODINGS

_AMOUNT = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?(?:[eE][+-]?[0-9]{1,2})?")
_GROUPED = re.compile(r"-?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_CURRENCY = re.compile("[A-Z]{3}")
_DATE = re.compile(
    r"(?:(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    r"|(?P<us_month>[0-9]{2})-(?P<us_day>[0-9]{2})-(?P<us_year>[0-9]{4}))"
    r"(?:[T ](?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)(?P<offset>Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_TRANSACTION = re.compile(r"(?!(?i:null|none)$)[!-~]{1,100}")
_EPOCH_YEAR = 1970
_MAX_SEGMENTS = 1000


def as_transaction(value: object) -> str | None:
    """Read a txID: up to a hundred visible characters of ASCII."""
    text = as_text(value)
    return text if text and _TRANSACTION.fullmatch(text) else None


def as_number(value: object) -> str | None:
    """Read a phone number as E.164."""
    text = as_text(value)
    return e164(text) if text else None


def as_amount(value: object) -> Decimal | None:
    """Read an amount: a number or its text, with or without commas between the thousands. Never by way of a float."""
    text = as_text(value)
    if text and _GROUPED.fullmatch(text):
        text = text.replace(",", "")
    return Decimal(text) if text and _AMOUNT.fullmatch(text) else None


def as_currency(value: object) -> str | None:
    """Read a currency's code of ISO 4217."""
    code = (as_text(value) or "").upper()
    return code if _CURRENCY.fullmatch(code) else None


def as_segments(value: object) -> int | None:
    """Read a count of segments."""
    code = as_code(value)
    return int(code) if code and code.isascii() and code.isdigit() and int(code) <= _MAX_SEGMENTS else None


def as_encoding(value: object) -> Literal["gsm-7", "ucs-2"] | None:
    """Read an encoding's name, `USC-2` too."""
    name = re.sub("[-_ ]", "", as_text(value) or "").lower()
    return cast("Literal['gsm-7', 'ucs-2'] | None", ENCODINGS.get(name))


def as_moment(value: object, zone: ZoneInfo) -> datetime | None:
    """Read `yyyy-MM-dd` or `MM-dd-yyyy`, then `T` or a blank and a time; without an offset it is in the zone."""
    match = _DATE.fullmatch(as_text(value) or "")
    if match is None:
        return None
    part = match.groupdict()
    year, month, day = (part[name] or part[f"us_{name}"] for name in ("year", "month", "day"))
    if int(year) < _EPOCH_YEAR:
        return None
    try:
        moment = datetime.fromisoformat(f"{year}-{month}-{day}T{part['time'] or '00:00'}{part['offset'] or ''}")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def replace_surrogates(text: str) -> str:
    """Put U+FFFD for each half of a pair that stands alone: a text with one can't be written as UTF-8."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
