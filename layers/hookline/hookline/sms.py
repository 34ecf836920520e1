"""How many segments a text takes as an SMS. Imports nothing of ours, and nothing slow.

Source: 3GPP TS 23.038, the GSM 7-bit default alphabet with its extension table, and 23.040 for concatenation: a text
of several segments loses 6 octets of each to a header, which leaves 153 of 160 septets, or 67 of 70 UTF-16 code units.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

type Encoding = Literal["gsm-7", "ucs-2"]

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The basic table, one septet each: 127 characters. The 128th place, 0x1B, is the escape to the extension."""

EXTENSION = frozenset("\f^{}\\[~]|€")
"""The extension table, two septets each: an escape and the character's own place."""

GSM_SINGLE, GSM_PART = 160, 153
UCS_SINGLE, UCS_PART = 70, 67
_GSM = BASIC | EXTENSION
_LAST_OF_ONE_UNIT = 0xFFFF


class SmsCount(NamedTuple):
    """What a text is as an SMS.

    Attributes:
        encoding: `gsm-7` where every character is in the alphabet, `ucs-2` where one is not.
        units: septets (`gsm-7`; a character of the extension table is two) or UTF-16 code units (`ucs-2`).
        segments: what is sent and paid for; 0 for an empty text, which is no SMS.
        per_segment: units that one segment of this text can hold: 160 or 153, 70 or 67.
        not_gsm: the characters that keep the text from being `gsm-7`, each once, in the order they come in.
    """

    encoding: Encoding
    units: int
    segments: int
    per_segment: int
    not_gsm: tuple[str, ...]


def count(text: str) -> SmsCount:
    """Count a text's units and segments.

    Segments are filled one after the other. A character is never split over two: an escape stays with its
    character, a surrogate pair together, and the place left over at a segment's end is lost. A lone surrogate is one
    code unit.

    Example:
        >>> count("€" * 80).segments, count("€" * 81).segments
        (1, 2)
    """
    not_gsm = tuple(dict.fromkeys(character for character in text if character not in _GSM))
    if not_gsm:
        widths = [2 if ord(character) > _LAST_OF_ONE_UNIT else 1 for character in text]
        return _count("ucs-2", widths, (UCS_SINGLE, UCS_PART), not_gsm)
    widths = [2 if character in EXTENSION else 1 for character in text]
    return _count("gsm-7", widths, (GSM_SINGLE, GSM_PART), ())


def _count(encoding: Encoding, widths: list[int], limits: tuple[int, int], not_gsm: tuple[str, ...]) -> SmsCount:
    single, part = limits
    units = sum(widths)
    if units <= single:
        return SmsCount(encoding, units, 1 if units else 0, single, not_gsm)
    return SmsCount(encoding, units, _pack(widths, part), part, not_gsm)


def _pack(widths: Iterable[int], capacity: int) -> int:
    segments, used = 1, 0
    for width in widths:
        if used + width > capacity:
            segments, used = segments + 1, 0
        used += width
    return segments
