import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline.numbers import e164, recipient
from tests.cases import Case, table
from tests.samples import MEXICAN_NUMBER, NUMBER

CASES = (
    Case("South Africa", NUMBER, f"+{NUMBER}"),
    Case("Mexico", MEXICAN_NUMBER, f"+{MEXICAN_NUMBER}"),
    Case("with +", f"+{NUMBER}", f"+{NUMBER}"),
    Case("with two", f"++{NUMBER}", f"+{NUMBER}"),
    Case("with blanks and hyphens", "27 82-555 0142", f"+{NUMBER}"),
    Case("empty", "", None),
    Case("a +", "+", None),
    Case("letters", "SHOES", None),
    Case("a short code", "31022", None),
    Case("of no country", "99912345678", None),
    Case("without its country code", "0825550142", None),
)


@table("case", CASES)
def test_a_number_is_written_as_e164_or_not_at_all(case: Case[str, str | None]) -> None:
    assert e164(case.given) == case.expected


@given(st.text())
def test_any_text_is_a_number_or_none(text: str) -> None:
    number = e164(text)
    assert number is None or (number[0] == "+" and number[1:].isdigit())


@pytest.mark.parametrize("text", ["27825550142" * 30, "२७८२५५५०१४२"])
def test_a_text_that_looks_like_a_number_is_no_trap(text: str) -> None:
    assert e164(text) in {None, f"+{NUMBER}"}


RECIPIENTS = (
    Case("South Africa", NUMBER, f"+{NUMBER}"),
    Case("Mexico", f"+{MEXICAN_NUMBER}", f"+{MEXICAN_NUMBER}"),
    Case("as people write it", " +27 (82) 555-0142 ", f"+{NUMBER}"),
    Case("a possible number that nobody has", "+27990000000", None),
    Case("letters for digits", "+1800FLOWERS", None),
    Case("an extension", f"+{NUMBER};ext=5", None),
    Case("digits of another script", "२७८२५५५०१४२", None),
    Case("without its country code", "0825550142", None),
    Case("a short code", "31022", None),
    Case("empty", "", None),
)


@table("case", RECIPIENTS)
def test_a_recipient_is_a_number_that_its_country_gives_out(case: Case[str, str | None]) -> None:
    assert recipient(case.given) == case.expected


@given(st.text() | st.from_regex(r"[+0-9 ().-]{1,20}", fullmatch=True))
def test_a_recipient_is_a_number_and_stays_one(text: str) -> None:
    number = recipient(text)
    assert number in {None, e164(text)}
    assert number is None or recipient(number) == number
