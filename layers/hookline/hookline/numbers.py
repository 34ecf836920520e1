"""Phone numbers."""

import phonenumbers


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
