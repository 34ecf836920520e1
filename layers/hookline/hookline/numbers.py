"""Phone numbers."""

import re

import phonenumbers

_WRITTEN = re.compile(r"[+0-9 ().\-/]+", re.ASCII)


def e164(text: str) -> str | None:
    """Write a number with its country code as E.164.

    Args:
        text: an MSISDN with or without `+`, for example `27725551234`.

    Returns:
        `+27725551234`; None where it can't be a number of any country.
    """
    try:
        number = phonenumbers.parse("+" + text.strip().lstrip("+"))
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def recipient(text: str) -> str | None:
    """Write a number that something is to be sent to as E.164.

    Stricter than `e164`: the number must be one that its country gives out, and hold nothing but digits and what
    people put between them.

    Args:
        text: a number with its country code, with or without `+`, for example `+27 72 555 1234`.

    Returns:
        `+27725551234`; None where it is no valid number.
    """
    if not _WRITTEN.fullmatch(text):
        return None
    number = e164(text)
    return number if number is not None and phonenumbers.is_valid_number(phonenumbers.parse(number)) else None
