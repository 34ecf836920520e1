"""SMS arithmetic against the tables of 3GPP TS 23.038 and against a second, other way of cutting a text."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hookline.sms import BASIC, EXTENSION, SmsCount, count

# The basic table as the provider Zorya prints it: rows are the low four bits, columns the high three.
PRINTED_TABLE = """
@ Δ SP 0 ¡ P ¿ p
£ _ ! 1 A Q a q
$ Φ " 2 B R b r
¥ Γ # 3 C S c s
è Λ ¤ 4 D T d t
é Ω % 5 E U e u
ù Π & 6 F V f v
ì Ψ ' 7 G W g w
ò Σ ( 8 H X h x
Ç Θ ) 9 I Y i y
LF Ξ * : J Z j z
Ø ESC + ; K Ä k ä
ø Æ , < L Ö l ö
CR æ - = M Ñ m ñ
Å ß . > N Ü n ü
å É / ? O § o à
"""
NAMED = {"SP": " ", "LF": "\n", "CR": "\r"}
ESCAPE = "\x1b"
GRIN = "\N{GRINNING FACE}"  # outside the basic plane: a surrogate pair


class Case(NamedTuple):
    id: str
    text: str
    expected: SmsCount


def gsm(units: int, segments: int) -> SmsCount:
    return SmsCount("gsm-7", units, segments, 160 if segments <= 1 else 153, ())


def ucs(units: int, segments: int, *not_gsm: str) -> SmsCount:
    return SmsCount("ucs-2", units, segments, 70 if segments <= 1 else 67, not_gsm)


CASES = [
    Case("empty", "", gsm(0, 0)),
    Case("one character", "a", gsm(1, 1)),
    Case("160", "a" * 160, gsm(160, 1)),
    Case("161", "a" * 161, gsm(161, 2)),
    Case("153 * 2", "a" * 306, gsm(306, 2)),
    Case("153 * 2 + 1", "a" * 307, gsm(307, 3)),
    Case("153 * 11", "a" * 1683, gsm(1683, 11)),
    Case("euro", "€", gsm(2, 1)),
    Case("80 euro fill one segment", "€" * 80, gsm(160, 1)),
    Case("81 euro", "€" * 81, gsm(162, 2)),
    Case("76 euro to a segment of several", "€" * 153, gsm(306, 3)),
    Case("160 with an escape at the end", "a" * 158 + "€", gsm(160, 1)),
    Case("159 and an escape", "a" * 159 + "€", gsm(161, 2)),
    Case("an escape ends a segment exactly", "a" * 151 + "€" + "a" * 153, gsm(306, 2)),
    Case("an escape across the boundary moves on", "a" * 152 + "€" + "a" * 151, gsm(305, 2)),
    Case("an escape moved on costs a segment", "a" * 152 + "€" + "a" * 152, gsm(306, 3)),
    Case("form feed", "\f", gsm(2, 1)),
    Case("every extension character", "\f^{}\\[~]|€", gsm(20, 1)),
    Case("70", "я" * 70, ucs(70, 1, "я")),
    Case("71", "я" * 71, ucs(71, 2, "я")),
    Case("67 * 2", "я" * 134, ucs(134, 2, "я")),
    Case("67 * 2 + 1", "я" * 135, ucs(135, 3, "я")),
    Case("an emoji is two", GRIN, ucs(2, 1, GRIN)),
    Case("35 emoji fill one segment", GRIN * 35, ucs(70, 1, GRIN)),
    Case("69 and an emoji", "a" * 69 + GRIN, ucs(71, 2, GRIN)),
    Case("an emoji ends a segment exactly", "a" * 65 + GRIN + "a" * 67, ucs(134, 2, GRIN)),
    Case("an emoji across the boundary moves on", "a" * 66 + GRIN + "a" * 65, ucs(133, 2, GRIN)),
    Case("an emoji moved on costs a segment", "a" * 66 + GRIN + "a" * 66, ucs(134, 3, GRIN)),
    Case("an extension character is one unit of UCS-2", "€я", ucs(2, 1, "я")),
    Case("backtick", "a`b", ucs(3, 1, "`")),
    Case("the tab is in no table", "\t", ucs(1, 1, "\t")),
    Case("the escape is no character", ESCAPE, ucs(1, 1, ESCAPE)),
    Case("Spanish with a grave a", "Holà, ¿mañana?", gsm(14, 1)),
    Case("Spanish with an acute a", "Holá", ucs(4, 1, "á")),
    Case("Spanish with all its accents", "¡Qué día! Adiós, tú", ucs(19, 1, "í", "ó", "ú")),
    Case("a capital C cedilla", "Ç", gsm(1, 1)),
    Case("a small c cedilla", "ç", ucs(1, 1, "ç")),
    Case("culprits once each, in order", "éżaźż", ucs(5, 1, "ż", "ź")),
    Case("the last character of one code unit", "\uffff", ucs(1, 1, "\uffff")),
    Case("a lone surrogate", "\ud800", ucs(1, 1, "\ud800")),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_count(case: Case) -> None:
    assert count(case.text) == case.expected


def test_the_basic_table_is_the_printed_one() -> None:
    printed = [NAMED.get(cell, cell) for cell in PRINTED_TABLE.split() if cell != "ESC"]

    assert len(printed) == 127
    assert frozenset(printed) == BASIC


def test_no_other_character_is_gsm() -> None:
    alphabet = BASIC | EXTENSION

    gsm_characters = {chr(code) for code in range(0x11000) if count(chr(code)).encoding == "gsm-7"}

    assert gsm_characters == alphabet
    assert len(alphabet) == 137


def cut_septets(text: str) -> list[str]:
    """Cut a text by writing out its septets and stepping back from every cut that would part an escape."""
    septets = "".join(ESCAPE + character if character in EXTENSION else character for character in text)
    return cut(septets, 160, 153, lambda last: last == ESCAPE)


def cut_code_units(text: str) -> list[str]:
    """Cut a text by writing out its UTF-16 code units and stepping back from every cut within a pair."""
    raw = text.encode("utf-16-be")
    units = "".join(chr(int.from_bytes(raw[at : at + 2])) for at in range(0, len(raw), 2))
    return cut(units, 70, 67, lambda last: "\ud800" <= last <= "\udbff")


def cut(units: str, single: int, part: int, opens_a_pair: Callable[[str], bool]) -> list[str]:
    if len(units) <= single:
        return [units] if units else []
    pieces, at = [], 0
    while at < len(units):
        end = min(at + part, len(units))
        if opens_a_pair(units[end - 1]):
            end -= 1
        pieces.append(units[at:end])
        at = end
    return pieces


GSM_TEXTS = st.text(alphabet=sorted(BASIC | EXTENSION), max_size=700)
ESCAPED_TEXTS = st.text(alphabet="a€", min_size=140, max_size=700)
ANY_TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=400)
PAIRED_TEXTS = st.text(alphabet=["я", GRIN], min_size=60, max_size=400)


@given(GSM_TEXTS | ESCAPED_TEXTS)
@example("a" * 152 + "€" + "a" * 152)
def test_gsm_segments_are_those_of_the_septets_cut_one_by_one(text: str) -> None:
    counted = count(text)
    pieces = cut_septets(text)

    assert counted.encoding == "gsm-7"
    assert counted.segments == len(pieces)
    assert counted.units == sum(map(len, pieces))
    assert all(len(piece) <= counted.per_segment for piece in pieces)


@given((ANY_TEXTS | PAIRED_TEXTS).map(lambda text: text + "я"))
@example("я" * 66 + GRIN + "я" * 66)
def test_ucs_segments_are_those_of_the_code_units_cut_one_by_one(text: str) -> None:
    counted = count(text)
    pieces = cut_code_units(text)

    assert counted.encoding == "ucs-2"
    assert counted.segments == len(pieces)
    assert counted.units == sum(map(len, pieces))
    assert all(len(piece) <= counted.per_segment for piece in pieces)


@given(ANY_TEXTS)
def test_the_encoding_is_gsm_when_no_character_stands_against_it(text: str) -> None:
    counted = count(text)

    assert (counted.encoding == "gsm-7") == (not counted.not_gsm)
    assert set(counted.not_gsm) == set(text) - (BASIC | EXTENSION)
    assert len(set(counted.not_gsm)) == len(counted.not_gsm)


@given(GSM_TEXTS | ANY_TEXTS, GSM_TEXTS | ANY_TEXTS)
def test_a_longer_text_never_takes_fewer_segments(text: str, more: str) -> None:
    assert count(text + more).segments >= count(text).segments
