"""Zorya's claims to events, as tables."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from hookline.callbacks import ReceivingAccount, Request, Verified
from hookline.errors import UnrecognisedError
from hookline.events import (
    Event,
    Happening,
    Money,
    SmsReceived,
    SmsStatus,
    SmsStatusUpdated,
    TopUpStatus,
    TopUpStatusUpdated,
)
from hookline.providers.zorya import verify as zorya
from hookline.providers.zorya.normalise import CALLBACKS, normalise, read_fields
from hookline.providers.zorya.settings import read_settings
from hookline.providers.zorya.tables import MT_STATUSES, RESPONSE_CODES, TOP_UP_STATUSES
from hookline.publish import Publisher
from tests import http_api
from tests.cases import Case, table
from tests.doubles import Noted, always
from tests.providers.zorya.callbacks import Claims, claims_text, token, token_of
from tests.samples import MEXICAN_NUMBER, NOW, SECRET, TEXT

SETTINGS = {"timezone": "America/Mexico_City"}
DATE = "2022-07-28T12:11:53"
MO = {"txID": "100000001", "msisdn": MEXICAN_NUMBER, "message": TEXT, "dateTimeTransaction": DATE}
DETAILS = {
    "msisdn": MEXICAN_NUMBER,
    "cost": 0.29,
    "encoding": "USC-2",
    "segments": 1,
    "mcc": "334",
    "mnc": "020",
    "dateTimeTransaction": DATE,
}
MT = {"code": 200, "message": "SMS sent successfully", "txID": "9DR0", "response": DETAILS, "error": [None]}
PUSH = {"clientID": "C", "txID": "T1", "MSISDN": MEXICAN_NUMBER, "amount": 20, "status": "103"}
PATH = {"clientID": "C", "txID": "T1", "status": "103"}


def fields(claims: Claims | str, path: dict[str, str] | None = None) -> dict[str, Any]:
    """Read what a verified request with these claims has as its payload."""
    text = claims if isinstance(claims, str) else json.dumps(claims)
    address = f'"path":{json.dumps(path)},' if path else ""
    return read_fields(f'{{"signed":true,{address}"claims":{text}}}')


def happening(kind: str, claims: Claims | str, path: dict[str, str] | None = None) -> Happening:
    return normalise(kind, fields(claims, path), SETTINGS)


def mo(**overrides: Any) -> SmsReceived:
    data = happening("mo", {**MO, **overrides}).data
    assert isinstance(data, SmsReceived)
    return data


def mt(claims: Claims | str) -> SmsStatusUpdated:
    data = happening("mt", claims).data
    assert isinstance(data, SmsStatusUpdated)
    return data


def push(claims: Claims | str, path: dict[str, str] | None = None) -> TopUpStatusUpdated:
    data = happening("push_status", claims, path).data
    assert isinstance(data, TopUpStatusUpdated)
    return data


# --- whole ones ------------------------------------------------------------------------------------------------------


def test_a_whole_mo() -> None:
    made = happening("mo", MO)
    assert made.data == SmsReceived(from_=f"+{MEXICAN_NUMBER}", message_id="100000001", text=TEXT)
    assert made.occurred_at == datetime.fromisoformat("2022-07-28T12:11:53-05:00")
    assert made.links == (("message_id", "100000001"),)


def test_a_whole_mt() -> None:
    made = happening("mt", MT)
    assert made.data == SmsStatusUpdated(
        status=SmsStatus.SENT,
        final=False,
        message_id="9DR0",
        to=f"+{MEXICAN_NUMBER}",
        provider_code="200",
        provider_text="SMS sent successfully",
        cost=Money(amount=Decimal("0.29"), currency=None),
        encoding="ucs-2",
        segments=1,
        mcc="334",
        mnc="020",
    )
    assert made.occurred_at == datetime.fromisoformat("2022-07-28T12:11:53-05:00")
    assert made.links == (("message_id", "9DR0"),)


def test_an_mt_that_failed() -> None:
    made = happening("mt", {"code": -208, "message": "SMS ERROR", "txID": "oar", "response": None, "error": None})
    assert made.data == SmsStatusUpdated(
        status=SmsStatus.FAILED, final=True, message_id="oar", provider_code="-208", provider_text="SMS ERROR"
    )
    assert made.occurred_at is None


def test_a_whole_top_up_status() -> None:
    made = happening("push_status", PUSH, PATH)
    assert made.data == TopUpStatusUpdated(
        status=TopUpStatus.SUCCEEDED,
        final=True,
        transaction_id="T1",
        to=f"+{MEXICAN_NUMBER}",
        amount=Money(amount=Decimal(20), currency=None),
        provider_code="103",
        provider_text="Successful",
        unconfirmed=[],
    )
    assert made.occurred_at is None
    assert made.links == (("message_id", "T1"),)


def test_what_a_top_up_status_may_say_besides() -> None:
    more = {
        "amountCurrency": "mxn",
        "cost": 20.01,
        "detail": "Operation Received ",
        "dateTimeStatus": "08-11-2022T03:22:35",
    }
    made = happening("push_status", {**PUSH, **more, "dateTimeTransaction": DATE})
    assert isinstance(made.data, TopUpStatusUpdated)
    assert made.data.amount == Money(amount=Decimal(20), currency="MXN")
    assert made.data.cost == Money(amount=Decimal("20.01"), currency=None)
    assert made.data.provider_text == "Operation Received"
    assert made.occurred_at == datetime.fromisoformat("2022-08-11T03:22:35-05:00")


# --- Tables 1, 2 and 4 -----------------------------------------------------------------------------------------------

MT_CASES: tuple[Case[Any, tuple[str, str, bool]], ...] = (
    Case("sent", 200, ("200", "sent", False)),
    Case("delivered", 201, ("201", "delivered", True)),
    Case("failed", -208, ("-208", "failed", True)),
    Case("sent, in text", "200", ("200", "sent", False)),
    Case("delivered, in text with blanks", " 201 ", ("201", "delivered", True)),
    Case("failed, in text", "-208", ("-208", "failed", True)),
    Case("sent, with a fraction of nothing", 200.0, ("200", "sent", False)),
    Case("of Table 1, but not of Table 4", -210, ("-210", "unknown", False)),
    Case("a denial, of Table 1", -203, ("-203", "unknown", False)),
    Case("of no table", 299, ("299", "unknown", False)),
    Case("in words", "DELIVRD", ("DELIVRD", "unknown", False)),
)


@table("case", MT_CASES)
def test_an_mt_code_is_read_by_table_4_and_kept(case: Case[Any, tuple[str, str, bool]]) -> None:
    data = mt({**MT, "code": case.given})
    assert (data.provider_code, data.status, data.final) == case.expected


TOP_UP_CASES: tuple[Case[Any, tuple[str, str, bool]], ...] = (
    Case("rejected", -1, ("-1", "rejected", True)),
    Case("received", 100, ("100", "received", False)),
    Case("lookup", 101, ("101", "pending", False)),
    Case("queue", 102, ("102", "pending", False)),
    Case("successful", 103, ("103", "succeeded", True)),
    Case("retrying", 104, ("104", "pending", False)),
    Case("invalid", -105, ("-105", "failed", True)),
    Case("denied", -203, ("-203", "rejected", True)),
    Case("successful, in text", "103", ("103", "succeeded", True)),
    Case("successful, in text with blanks", " 103 ", ("103", "succeeded", True)),
    Case("rejected, in text", "-1", ("-1", "rejected", True)),
    Case("successful, in the table's words", "Successful", ("103", "succeeded", True)),
    Case("carrier lookup, in other letters", "CARRIER LOOKUP", ("101", "pending", False)),
    Case("of no table", 105, ("105", "unknown", False)),
    Case("0, as in a report's example", 0, ("0", "unknown", False)),
    Case("other words", "Error", ("Error", "unknown", False)),
)


@table("case", TOP_UP_CASES)
def test_a_top_ups_status_is_read_by_table_2_and_kept(case: Case[Any, tuple[str, str, bool]]) -> None:
    data = push({**PUSH, "status": case.given})
    assert (data.provider_code, data.status, data.final) == case.expected


@table("case", TOP_UP_CASES)
def test_a_top_ups_status_is_read_the_same_from_the_address(case: Case[Any, tuple[str, str, bool]]) -> None:
    data = push({"MSISDN": "1"}, {**PATH, "status": str(case.given)})
    assert (data.provider_code, data.status, data.final) == case.expected


def test_every_row_of_the_tables_has_a_case() -> None:
    assert {case.expected[0] for case in MT_CASES} >= set(MT_STATUSES)
    assert {case.expected[0] for case in TOP_UP_CASES} >= set(TOP_UP_STATUSES)
    assert set(RESPONSE_CODES) == {"200", "400", *(str(code) for code in (*range(-206, -200), *range(-211, -207)))}


WORDS = (
    Case("its own", {**MT, "message": "whatever"}, "whatever"),
    Case("none: Table 4's", {**MT, "message": None}, "SMS sent successfully"),
    Case("none, and a code of Table 1", {**MT, "code": -210, "message": ""}, "There is not enough funds"),
    Case("none, and a code of no table", {**MT, "code": 1, "message": None}, None),
)


@table("case", WORDS)
def test_the_providers_words_are_its_own_or_a_tables(case: Case[Claims, str | None]) -> None:
    assert mt(case.given).provider_text == case.expected


# --- tolerances ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", ["null", "[null]", "[]", '""', "{}", '[{"code": 1}]'])
def test_whatever_error_holds_changes_nothing(error: str) -> None:
    assert mt(json.dumps(MT).replace("[null]", error)) == mt(MT)
    assert mt({name: value for name, value in MT.items() if name != "error"}) == mt(MT)


def test_names_may_have_blanks_around_them_and_other_letters() -> None:
    claims = {"Code ": 200, "message": MT["message"], " TXID": "9DR0", "response": {}}
    claims["response"] = {f"{name.upper()} ": value for name, value in DETAILS.items()}
    assert happening("mt", claims) == happening("mt", MT)


def test_a_name_as_the_document_writes_it_outranks_one_in_other_letters() -> None:
    assert mo(TXID="another").message_id == "100000001"
    assert mo(txID=None, TXID="another").message_id == "another"


@pytest.mark.parametrize("wrapper", ["data", "payload"])
def test_fields_may_stand_one_level_down(wrapper: str) -> None:
    assert happening("mo", {wrapper: MO, "iat": 1}) == happening("mo", MO)
    assert happening("mt", {wrapper: MT}) == happening("mt", MT)
    assert happening("push_status", {wrapper: PUSH}, PATH) == happening("push_status", PUSH, PATH)
    assert push({wrapper: {"MSISDN": MEXICAN_NUMBER}}, PATH).to == f"+{MEXICAN_NUMBER}"


def test_an_mt_may_be_flat() -> None:
    flat = {**{name: value for name, value in MT.items() if name != "response"}, **DETAILS}
    assert happening("mt", flat) == happening("mt", MT)


ENCODINGS = (
    Case("the document's", "USC-2", "ucs-2"),
    Case("right", "UCS-2", "ucs-2"),
    Case("together", "UCS2", "ucs-2"),
    Case("in lower case", "usc-2", "ucs-2"),
    Case("GSM-7", "GSM-7", "gsm-7"),
    Case("GSM7", "GSM7", "gsm-7"),
    Case("GSM", " gsm ", "gsm-7"),
    Case("with other marks", "gsm_7", "gsm-7"),
    Case("Latin1", "Latin1", None),
    Case("unknown", "EBCDIC", None),
    Case("empty", "", None),
    Case("null", None, None),
    Case("a number", 8, None),
)


@table("case", ENCODINGS)
def test_encodings(case: Case[Any, str | None]) -> None:
    assert mt({**MT, "response": {**DETAILS, "encoding": case.given}}).encoding == case.expected


SEGMENTS: tuple[Case[str, int | None], ...] = (
    Case("a number", "2", 2),
    Case("a text", '"2"', 2),
    Case("a fraction of nothing", "2.0", 2),
    Case("0", "0", 0),
    Case("a fraction", "1.5", None),
    Case("below 0", "-1", None),
    Case("too many", "1001", None),
    Case("true", "true", None),
    Case("null", "null", None),
    Case("words", '"two"', None),
    Case("a digit that is none", '"²"', None),
    Case("digits of another script", '"२"', None),
)


@table("case", SEGMENTS)
def test_segments(case: Case[str, int | None]) -> None:
    assert mt('{"code": 200, "txID": "1", "response": {"segments": %s}}' % case.given).segments == case.expected  # noqa: UP031


AMOUNTS: tuple[Case[str, str | None], ...] = (
    Case("a number with a fraction", "0.2900", "0.2900"),
    Case("more digits than a float has", "0.12345678901234567", None),
    Case("as many as there may be", "123456789012345.123456789012345", "123456789012345.123456789012345"),
    Case("what a float can't hold", "0.1", "0.1"),
    Case("a whole number", "20", "20"),
    Case("a text", '"20.00"', "20.00"),
    Case("with commas between thousands", '"549,950.0500000000"', "549950.0500000000"),
    Case("with two commas", '"1,549,950"', "1549950"),
    Case("with a comma for a point", '"20,5"', None),
    Case("with commas in odd places", '"12,34,567"', None),
    Case("with an exponent", "2.9e-1", "0.29"),
    Case("below 0", "-1.50", "-1.50"),
    Case("0", "0", "0"),
    Case("as large as no money is", "1e999", None),
    Case("a very long number", "9" * 400, None),
    Case("NaN, as a text", '"NaN"', None),
    Case("Infinity, as a text", '"Infinity"', None),
    Case("with a sign of money", '"$20.00"', None),
    Case("other digits", '"٢٠"', None),
    Case("empty", '""', None),
    Case("null", "null", None),
    Case("true", "true", None),
    Case("a list", "[20]", None),
)


@table("case", AMOUNTS)
def test_amounts_are_decimals_to_the_digit(case: Case[str, str | None]) -> None:
    in_mt = mt('{"code": 200, "txID": "1", "response": {"cost": %s}}' % case.given).cost  # noqa: UP031
    in_push = push('{"txID": "1", "status": 103, "amount": %s}' % case.given).amount  # noqa: UP031
    for amount in (in_mt, in_push):
        assert (amount.model_dump()["amount"] if amount else None) == case.expected


CURRENCIES = (
    Case("said", "MXN", "MXN"),
    Case("in lower case", "mxn", "MXN"),
    Case("not said", None, None),
    Case("a sign", "$", None),
    Case("words", "pesos", None),
    Case("a number", 484, None),
)


@table("case", CURRENCIES)
def test_a_currency_is_only_what_the_provider_says(case: Case[Any, str | None]) -> None:
    amount = push({**PUSH, "amountCurrency": case.given}).amount
    assert amount is not None
    assert amount.currency == case.expected


DATES = (
    Case("ISO with T", "2022-07-28T12:11:53", "2022-07-28T12:11:53-05:00"),
    Case("ISO with a blank", "2022-07-28 12:11:53", "2022-07-28T12:11:53-05:00"),
    Case("the month first, with T", "07-28-2022T12:11:53", "2022-07-28T12:11:53-05:00"),
    Case("the month first, with a blank", "07-28-2022 12:11:53", "2022-07-28T12:11:53-05:00"),
    Case("the month first, not the day", "01-11-2023T03:22:35", "2023-01-11T03:22:35-06:00"),
    Case("in winter", "2022-12-28T12:11:53", "2022-12-28T12:11:53-06:00"),
    Case("in summer, after Mexico gave it up", "2026-07-28T12:11:53", "2026-07-28T12:11:53-06:00"),
    Case("without seconds", "2022-07-28 12:11", "2022-07-28T12:11:00-05:00"),
    Case("with a fraction", "2022-07-28T12:11:53.250", "2022-07-28T12:11:53.250000-05:00"),
    Case("in UTC", "2022-07-28T12:11:53Z", "2022-07-28T12:11:53+00:00"),
    Case("with an offset", "2022-07-28T12:11:53+02:00", "2022-07-28T12:11:53+02:00"),
    Case("with an offset without a colon", "07-28-2022 12:11:53-0600", "2022-07-28T12:11:53-06:00"),
    Case("a day", "07-28-2022", "2022-07-28T00:00:00-05:00"),
    Case("blanks around", " 2022-07-28T12:11:53 ", "2022-07-28T12:11:53-05:00"),
    Case("month 13", "13-28-2022T12:11:53", None),
    Case("the day first", "28-07-2022T12:11:53", None),
    Case("29 February of no leap year", "2022-02-29T12:11:53", None),
    Case("hour 24", "2022-07-28T24:11:53", None),
    Case("the year 1", "0001-01-01T00:00:00", None),
    Case("1969", "1969-12-31T23:59:59", None),
    Case("seconds since the epoch", 1659028313, None),
    Case("another order", "2022-28-07T12:11:53", None),
    Case("slashes", "07/28/2022 12:11:53", None),
    Case("other digits", "२०२२-०७-२८T12:11:53", None),
    Case("empty", "", None),
    Case("null", None, None),
    Case("a list", ["2022-07-28T12:11:53"], None),
)


@table("case", DATES)
def test_dates_come_both_ways_and_are_in_the_accounts_time_zone(case: Case[Any, str | None]) -> None:
    for kind, claims in (
        ("mo", {**MO, "dateTimeTransaction": case.given}),
        ("mt", {**MT, "response": {"dateTimeTransaction": case.given}}),
        ("mt", {**MT, "response": None, "dateTimeTransaction": case.given}),
        ("mt", {**MT, "response": {"cost": 1}, "dateTimeTransaction": case.given}),
        ("push_status", {**PUSH, "dateTimeTransaction": case.given}),
    ):
        moment = happening(kind, claims).occurred_at
        assert (moment.isoformat() if moment else None) == case.expected


def test_the_time_zone_is_the_one_that_was_kept_with_the_entry() -> None:
    made = normalise("mo", fields(MO), {"timezone": "America/Tijuana"})
    assert made.occurred_at == datetime.fromisoformat("2022-07-28T12:11:53-07:00")
    assert zorya.CALLBACKS.normaliser_settings(read_settings({"timezone": "America/Tijuana"})) == {
        "timezone": "America/Tijuana"
    }


NUMBERS: tuple[Case[Any, str | None], ...] = (
    Case("twelve digits", MEXICAN_NUMBER, f"+{MEXICAN_NUMBER}"),
    Case("with a plus", f"+{MEXICAN_NUMBER}", f"+{MEXICAN_NUMBER}"),
    Case("as a number", int(MEXICAN_NUMBER), f"+{MEXICAN_NUMBER}"),
    Case("blanks around", f" {MEXICAN_NUMBER} ", f"+{MEXICAN_NUMBER}"),
    Case("a short code", "7001", None),
    Case("a name", "Zorya", None),
)


@table("case", NUMBERS)
def test_numbers_are_e164_or_null(case: Case[Any, str | None]) -> None:
    assert mo(msisdn=case.given).from_ == case.expected
    assert mt({**MT, "response": {"msisdn": case.given}}).to == case.expected
    assert push({**PUSH, "MSISDN": case.given}).to == case.expected


def test_ids_and_network_codes_are_texts_whatever_they_came_as() -> None:
    data = mt({"code": 200, "txID": 12345, "response": {"mcc": 334, "mnc": "020"}})
    assert (data.message_id, data.mcc, data.mnc) == ("12345", "334", "020")
    assert mt({"code": 200, "txID": "1", "response": {"mcc": "", "mnc": None}}).mcc is None


MESSAGES: tuple[Case[str, tuple[str, bool]], ...] = (
    Case("a text", '"Hola"', ("Hola", True)),
    Case("an empty text", '""', ("", True)),
    Case("blanks, which are the sender's", '" Hola "', (" Hola ", True)),
    Case("a number", "42", ("42", True)),
    Case("a number with a fraction", "4.20", ("4.20", True)),
    Case("an emoji", '"\\ud83d\\udc4d"', ("👍", True)),
    Case("half an emoji", '"Hola \\ud83d"', ("Hola �", False)),
    Case("the other half", '"\\udc4d Hola"', ("� Hola", False)),
)


@table("case", MESSAGES)
def test_messages(case: Case[str, tuple[str, bool]]) -> None:
    data = happening("mo", f'{{"txID": "1", "msisdn": "1", "message": {case.given}}}').data
    assert isinstance(data, SmsReceived)
    assert (data.text, data.text_complete) == case.expected


# --- what the address says -------------------------------------------------------------------------------------------

UNCONFIRMED: tuple[Case[Claims, list[str]], ...] = (
    Case("nothing", PUSH, []),
    Case("clientID", {"txID": "T1", "status": 103}, ["clientID"]),
    Case("txID", {"clientID": "C", "status": 103}, ["txID"]),
    Case("status", {"clientID": "C", "txID": "T1"}, ["status"]),
    Case("all", {"MSISDN": MEXICAN_NUMBER, "amount": 20}, ["clientID", "txID", "status"]),
    Case("what is null in the claims", {**PUSH, "txID": None}, ["txID"]),
    Case("nothing, one level down", {"data": PUSH}, []),
    Case("nothing, above the fields", {"clientID": "C", "txID": "T1", "data": {"amount": 1, "status": 103}}, []),
)


@table("case", UNCONFIRMED)
def test_what_no_claim_confirms_is_said_to_be_unconfirmed(case: Case[Claims, list[str]]) -> None:
    data = push(case.given, PATH)
    assert data.unconfirmed == case.expected
    assert (data.transaction_id, data.provider_code, data.status) == ("T1", "103", TopUpStatus.SUCCEEDED)


def test_without_an_address_nothing_is_unconfirmed() -> None:
    assert push({"txID": "T1", "amount": 1, "status": 100}).unconfirmed == []


# --- what can't be an event of its kind ------------------------------------------------------------------------------

UNRECOGNISED: tuple[Case[tuple[str, Claims], str], ...] = (
    Case("an MO without txID", ("mo", {**MO, "txID": None}), "without txID"),
    Case("an MO whose txID is a list", ("mo", {**MO, "txID": []}), "without txID"),
    Case("an MO without msisdn", ("mo", {**MO, "msisdn": None}), "without msisdn"),
    Case("an MO without message", ("mo", {**MO, "message": None}), "message is not a text"),
    Case("an MO whose message is true", ("mo", {**MO, "message": True}), "message is not a text"),
    Case("an MO whose message is a list", ("mo", {**MO, "message": ["x"]}), "message is not a text"),
    Case("an MO whose message is an object", ("mo", {**MO, "message": {"json": "no"}}), "message is not a text"),
    Case("an MO whose message is no text in JSON", ("mo", {**MO, "message": {"json": "1"}}), "message is not a text"),
    Case("an MO whose message is a number in it", ("mo", {**MO, "message": {"json": 1}}), "message is not a text"),
    Case("an MT without txID", ("mt", {**MT, "txID": None}), "without txID"),
    Case("an MT without code", ("mt", {**MT, "code": None}), "without a code"),
    Case("an MT whose code is a list", ("mt", {**MT, "code": [200]}), "without a code"),
    Case("a top-up without txID", ("push_status", {**PUSH, "txID": None}), "without txID or status"),
    Case("a top-up without status", ("push_status", {**PUSH, "status": None}), "without txID or status"),
    Case("an unknown kind", ("unknown", MO), "no shape that we know"),
    Case("no kind", ("", MO), "no shape that we know"),
)


@table("case", UNRECOGNISED)
def test_what_lacks_what_its_kind_needs_is_unrecognised(case: Case[tuple[str, Claims], str]) -> None:
    with pytest.raises(UnrecognisedError, match=case.expected):
        happening(*case.given)


# --- from a request to the bus ---------------------------------------------------------------------------------------


def published(claims: str, route: str = "/zorya/{account}", path: dict[str, str] | None = None) -> Event:
    """Take a token through the verifier, the journal's entry and the publisher."""
    account = ReceivingAccount("acme-mx", (SECRET.encode(),), read_settings({}))
    verdict = zorya.verify(Request(b"", token(claims).encode(), {}, path or {}, route), account, NOW)
    assert isinstance(verdict, Verified)
    entry = {
        "pk": f"callback#zorya#acme-mx#{verdict.identity}",
        "sk": "callback",
        "entry": "callback",
        "provider": "zorya",
        "account": "acme-mx",
        "kind": verdict.kind,
        "payload": verdict.payload,
        "settings": json.dumps(SETTINGS),
        "recorded_at": "2026-11-22T08:00:00.000+00:00",
    }
    return Publisher({"zorya": CALLBACKS}, always([]), always(None), Noted()).event_of(entry)


def test_provider_data_is_the_claims_and_the_address_with_money_as_it_was_written() -> None:
    event = published('{"amount": 20.00, "clientID ": "C", "iat": 1795334400, "jti": "j"}', path=PATH)
    assert json.loads(event.detail())["provider_data"] == {
        "signed": True,
        "path": PATH,
        "claims": {"amount": "20.00", "clientID": "C", "iat": 1795334400, "jti": "j"},
    }


KEPT_WHOLE: tuple[Case[str, str], ...] = (
    Case("no shape", '{"hello": ["world", 1.50, null, true]}', "unknown"),
    Case("an MO without txID", '{"msisdn": "1", "message": "x"}', "mo"),
    Case("an MT without txID", '{"code": 200, "message": "x"}', "mt"),
    Case("a number beyond any machine's", '{"n": %s}' % ("9" * 4000), "unknown"),
    Case("a text that is no Unicode", '{"\\ud800": "\\udfff", "x": {"y": ["\\ud800"]}}', "unknown"),
    Case("as deep as it may be", '{"a":' * 16 + "1" + "}" * 16, "unknown"),
    Case("controls", '{"a": "\\u0000\\u001f\\u2028\\ufffe"}', "unknown"),
)


@table("case", KEPT_WHOLE)
def test_what_is_not_recognised_is_published_whole(case: Case[str, str]) -> None:
    detail = json.loads(published(case.given).detail())
    assert detail["metadata"]["type"] == "callback.unrecognised"
    assert detail["data"]["kind"] == case.expected
    claims = detail["provider_data"]["claims"]
    assert _as_signed(claims) == json.loads(case.given, parse_float=str)


def _as_signed(value: Any) -> Any:
    """Undo what stands for a text that is no Unicode."""
    match value:
        case {"json": str(text)}:
            return json.loads(text)
        case dict():
            return {"\ud800" if name == "�" else name: _as_signed(inner) for name, inner in value.items()}
        case list():
            return [_as_signed(inner) for inner in value]
        case _:
            return value


@pytest.mark.parametrize("name", ["mo", "mt-sent", "mt-delivered", "mt-failed", "push-status"])
def test_a_sample_becomes_an_event_without_its_token(name: str) -> None:
    sample = http_api.load("receive_zorya", name)
    made = token_of(sample)
    route = sample["routeKey"].partition(" ")[2]
    detail = published(claims_text(made), route, sample["pathParameters"]).detail()
    expected = {"mo": "sms.received", "push-status": "top_up.status_updated"}.get(name, "sms.status_updated")
    assert json.loads(detail)["metadata"]["type"] == expected
    assert made.rpartition(".")[2] not in detail
    assert made.split(".")[1] not in detail


def test_a_whole_event() -> None:
    claims = claims_text(token_of(http_api.load("receive_zorya", "mt-delivered")))
    detail = json.loads(published(claims).detail())
    assert detail["data"] == {
        "status": "delivered",
        "final": True,
        "message_id": "9DR0lZqiqBFoHGKkYn40",
        "to": f"+{MEXICAN_NUMBER}",
        "provider_code": "201",
        "provider_text": "SMS Delivered successfully",
        "cost": {"amount": "0.2900", "currency": None},
        "encoding": "ucs-2",
        "segments": 1,
        "mcc": "334",
        "mnc": "020",
        "campaign": None,
        "reference": None,
        "settled_by": None,
    }
    assert detail["metadata"]["occurred_at"] == "2026-11-22T02:00:00-06:00"
    assert detail["metadata"]["correlation"] is None
