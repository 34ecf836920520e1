"""Mexican numbers, as Zorya wants them: twelve digits, `52` and ten more, without `+`."""

import re

from hookline.numbers import e164
from hookline.providers.zorya.claims import as_text

_SEPARATORS = re.compile(r"[ ().\-]")
_WRITTEN = re.compile(r"\+?[0-9]+")
_MEXICAN = re.compile(r"\+52[2-9][0-9]{9}")
_OLD_MOBILE = re.compile(r"\+?521[2-9][0-9]{9}")


def read_msisdn(value: object) -> str | None:
    """Read a number with its country code as a Mexican one.

    Blanks, brackets, dots and dashes may part the digits. `521` and ten digits, as mobile numbers were dialled from
    abroad until 2019, is the same number without the `1`: no Mexican number begins with one.

    Returns:
        E.164, `+525512345678`; None where it is no number of Mexico.
    """
    text = _SEPARATORS.sub("", as_text(value) or "")
    if not _WRITTEN.fullmatch(text):
        return None
    if _OLD_MOBILE.fullmatch(text):
        text = text.replace("521", "52", 1)
    number = e164(text)
    return number if number and _MEXICAN.fullmatch(number) else None
