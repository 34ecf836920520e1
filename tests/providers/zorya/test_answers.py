"""What answers of Zorya's REST API mean: every method, every code, and everything that can't be read."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hookline.commands import BaseCommand
from hookline.events import BalanceReported, CarrierLookedUp, SmsStatus, TopUpReportCompleted, TopUpStatus
from hookline.outcomes import Answer, Done, MayHaveBeenSent, NotSent, Outcome, Refused
from hookline.providers.zorya.answers import MESSAGE_STATUSES, READERS, REFUSALS, transaction_of
from hookline.providers.zorya.repair import read_document
from hookline.providers.zorya.rest import SENDING
from hookline.providers.zorya.tables import RESPONSE_CODES, TOP_UP_STATUSES
from tests.cases import Case, table
from tests.providers.zorya import examples
from tests.providers.zorya.rest_samples import (
    COMMANDS,
    NUMBER,
    OTHER_NUMBER,
    PASSWORD,
    account_of,
    answer,
    campaign_top_up,
    failure,
    get_balance,
    get_report,
    get_status,
    look_up,
    money,
    send_sms,
    success,
    top_up,
)

ACCOUNT = account_of()
SPENDING = ("send_sms", "top_up")


def outcome(command: BaseCommand, given_answer: Answer, **account_settings: Any) -> Outcome:
    account = account_of(**account_settings) if account_settings else ACCOUNT
    (only,) = SENDING.read([command], account, given_answer)
    return only


def facts(command: BaseCommand, body: object, **account_settings: Any) -> Mapping[str, Any]:
    done = outcome(command, answer(body), **account_settings)
    assert isinstance(done, Done), done
    return done.facts


# --- the document's examples -----------------------------------------------------------------------------------------

type Asked = tuple[BaseCommand, str]

EXAMPLES: tuple[Case[Asked, dict[str, Any]], ...] = (
    Case(
        "sendSms V3",
        (send_sms(), examples.SEND_SMS_SUCCESS),
        {
            "message_id": "9DR0lZqiqBFoHGKkYn40",
            "to": NUMBER,
            "provider_code": "200",
            "provider_text": "SMS sent successfully",
            "cost": money("0.2900"),
            "encoding": "ucs-2",
            "segments": 1,
            "mcc": "334",
            "mnc": "050",
        },
    ),
    Case(
        "sendSmsFlash",
        (send_sms(flash=True), examples.SEND_SMS_FLASH_SUCCESS),
        {
            "message_id": "9DR0lZqiqBFoHGKkYn40",
            "to": NUMBER,
            "provider_code": "200",
            "provider_text": "SMS sent successfully",
            "cost": money("0.2900"),
            "encoding": "ucs-2",
            "segments": 1,
            "mcc": "334",
            "mnc": "050",
        },
    ),
    Case(
        "sendSmsLight",
        (send_sms(), examples.SEND_SMS_LIGHT_SUCCESS),
        {"message_id": "9DR0lZqiqBaFadT435CVa0", "provider_code": "200", "provider_text": "Operation Received"},
    ),
    Case(
        "executeTopUp",
        (top_up(to=OTHER_NUMBER), examples.TOP_UP_SUCCESS),
        {
            "status": "received",
            "final": False,
            "transaction_id": "B9WN0dzTgTMdbosoU9Jp20220811",
            "to": OTHER_NUMBER,
            "amount": money("20.00"),
            "cost": money("20.01"),
            "provider_code": "100",
            "provider_text": "Operation Received",
            "occurred_at": "2022-08-11T04:03:18-05:00",
        },
    ),
    Case(
        "executeDirectTopUp",
        (top_up(product="TELTA"), examples.DIRECT_TOP_UP_SUCCESS),
        {
            "status": "received",
            "final": False,
            "transaction_id": "oWA7Os8WC8HIikj1vgS220220811",
            "to": NUMBER,
            "amount": money("20.00"),
            "cost": money("20.01"),
            "provider_code": "100",
            "provider_text": "Operation Received",
            "occurred_at": "2022-09-11T04:25:25-05:00",
        },
    ),
    Case(
        "executeTopUpCamp, answered as executeTopUp",
        (campaign_top_up(to=OTHER_NUMBER), examples.TOP_UP_SUCCESS),
        {
            "status": "received",
            "final": False,
            "transaction_id": "B9WN0dzTgTMdbosoU9Jp20220811",
            "to": OTHER_NUMBER,
            "amount": money("20.00"),
            "cost": money("20.01"),
            "provider_code": "100",
            "provider_text": "Operation Received",
            "occurred_at": "2022-08-11T04:03:18-05:00",
        },
    ),
    Case(
        "getSmsStatus, its comma missing and its names with blanks",
        (get_status(), examples.SMS_STATUS_SUCCESS),
        {
            "status": "sent",
            "final": False,
            "message_id": "txID12345",
            "to": OTHER_NUMBER,
            "provider_code": "103",
            "provider_text": "Successful",
            "carrier": "Telcel",
            "carrier_id": "33401",
            "occurred_at": "2023-01-11T03:22:35-06:00",
            "cost": money("0.20000"),
            "encoding": "ucs-2",
            "segments": 1,
            "mcc": "334",
            "mnc": "020",
        },
    ),
    Case(
        "getBalance, its comma between thousands",
        (get_balance(), examples.BALANCE_SUCCESS),
        {"balance": money("549950.0500000000"), "unit": "money"},
    ),
    Case(
        "carrierLookUp, the deprecated one",
        (look_up(), examples.LOOKUP_SUCCESS),
        {
            "number": NUMBER,
            "carrier": "Telcel",
            "carrier_id": "188",
            "network": "Telcel",
            "network_id": "188",
            "mcc": "334",
            "mnc": "020",
            "cost": money("0.1160"),
            "transaction_id": "FZRP5c3ewdvN24vntwaI20220810",
            "provider_text": "Data obtained from central DB",
            "occurred_at": "2022-08-09T17:03:11-05:00",
        },
    ),
    Case(
        "carrierLookUp V2",
        (look_up(), examples.LOOKUP_V2_SUCCESS),
        {
            "number": NUMBER,
            "carrier": "Telcel",
            "carrier_id": "188",
            "network": "Telcel",
            "network_id": "188",
            "mcc": "334",
            "mnc": "020",
            "number_type": "mobile",
            "ported": True,
            "ported_at": "2022-07-19T02:00:00-05:00",
            "cost": money("0.1160"),
            "transaction_id": "FZRP5c3ewdvN24vntwaI20220810",
            "provider_text": "Data obtained from central DB",
            "occurred_at": "2022-08-09T17:03:11-05:00",
        },
    ),
    Case(
        "getTopUpReport",
        (get_report(), examples.REPORT_SUCCESS),
        {
            "count": 1,
            "complete": True,
            "rows": [
                {
                    "transaction_id": "oqxPyWDidLSVruFVxdI220220811",
                    "amount": money("30.00"),
                    "to": OTHER_NUMBER,
                    "status": "unknown",  # Table 2 has no 0
                    "final": False,
                    "provider_code": "0",
                    "provider_text": "ServiceProv: 188",
                    "cost": money("0.1160"),
                    "carrier_id": "79",
                    "occurred_at": "2022-08-11T03:22:35-05:00",
                    "updated_at": "2022-08-11T03:22:35-05:00",
                }
            ],
        },
    ),
)


@table("case", EXAMPLES)
def test_an_example_of_a_success(case: Case[Asked, dict[str, Any]]) -> None:
    command, body = case.given
    assert facts(command, body) == case.expected


FAILURES: tuple[Case[Asked, tuple[str, str]], ...] = (
    Case("sendSms V3", (send_sms(), examples.SEND_SMS_FAILURE), ("-208", "Destination number invalid")),
    Case("sendSmsFlash", (send_sms(), examples.SEND_SMS_FLASH_FAILURE), ("-208", "Destination number invalid")),
    Case("sendSmsLight", (send_sms(), examples.SEND_SMS_LIGHT_FAILURE), ("-208", "Destination number invalid")),
    Case("executeTopUp", (top_up(), examples.TOP_UP_FAILURE), ("400", "Bad Request")),
    Case("executeDirectTopUp", (top_up(), examples.DIRECT_TOP_UP_FAILURE), ("-312", "Invalid ClientID")),
    Case("carrierLookUp", (look_up(), examples.LOOKUP_FAILURE), ("400", "Invalid Destination number")),
    Case("carrierLookUp V2", (look_up(), examples.LOOKUP_V2_FAILURE), ("400", "Invalid Destination number")),
)


@table("case", FAILURES)
def test_an_example_of_a_failure(case: Case[Asked, tuple[str, str]]) -> None:
    command, body = case.given
    assert outcome(command, answer(body)) == Refused(*case.expected, json.loads(body))


def test_the_provider_s_own_answer_is_kept() -> None:
    done = outcome(get_status(), answer(examples.SMS_STATUS_SUCCESS))
    assert isinstance(done, Done)
    assert done.provider_data == read_document(examples.SMS_STATUS_SUCCESS.encode())


# --- Table 1, by method ----------------------------------------------------------------------------------------------

CODES: dict[str, Outcome] = {
    "-204": NotSent("token_refused", renew_token=True),
    "-205": NotSent("token_refused", renew_token=True),
    "-209": NotSent("retry_later", delay=600.0),
    "-210": NotSent("no_funds", stop_account=True),
    "401": NotSent("token_refused", renew_token=True),
    "403": NotSent("token_refused", renew_token=True),
    "429": NotSent("too_many_requests"),
}


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize("kind", COMMANDS)
@pytest.mark.parametrize("code", CODES)
def test_a_code_that_says_later(code: str, kind: str, status: int) -> None:
    for written in (int(code), code, f" {code}.0 "):
        assert outcome(COMMANDS[kind], answer(failure(written), status)) == CODES[code]


@pytest.mark.parametrize("status", [200, 404, 500, 401])
@pytest.mark.parametrize("kind", COMMANDS)
@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_a_code_that_says_no(code: str, kind: str, status: int) -> None:
    for written in (int(code), code):
        document = failure(written)
        assert outcome(COMMANDS[kind], answer(document, status)) == Refused(code, "Zorya's words", document)


def test_every_code_of_table_1_is_decided_on() -> None:
    assert set(RESPONSE_CODES) | {"-312"} == {"200"} | REFUSALS | (set(CODES) - {"401", "403", "429"})


WORDS = (
    Case("sendSms", ("send_sms", "-208"), "Destination number invalid"),
    Case("getSmsStatus", ("get_message_status", "-208"), "Destination number not found"),
    Case("executeTopUp", ("top_up", "-208"), "Destination number not found"),
    Case("carrierLookUp", ("look_up_carrier", "400"), "Invalid Destination number"),
    Case("executeTopUp, 400", ("top_up", "400"), "Bad Request"),
    Case("executeTopUp, -206", ("top_up", "-206"), "Invalid amount"),
    Case("executeDirectTopUp, -312", ("top_up", "-312"), "Invalid ClientID"),
    Case("getBalance, -312: no words anywhere", ("get_balance", "-312"), ""),
)


@table("case", WORDS)
def test_an_answer_without_words_gets_those_of_its_method(case: Case[tuple[str, str], str]) -> None:
    kind, code = case.given
    for words in (None, "", "  ", 7.5):
        document = failure(int(code), words)  # type: ignore[arg-type]  # that is what is tested
        refused = outcome(COMMANDS[kind], answer(document))
        assert isinstance(refused, Refused)
        assert refused.text == ("7.5" if words == 7.5 else case.expected)


UNKNOWN_CODES = (0, 1, -1, -105, 100, 103, 201, 404, 500, 503, -207, -999, "200a", "OK", "", [200], {"code": 200}, True)


@pytest.mark.parametrize("kind", COMMANDS)
@pytest.mark.parametrize("code", UNKNOWN_CODES, ids=repr)
def test_a_code_that_nobody_knows_is_unknown(code: object, kind: str) -> None:
    for status in (200, 201, 302, 400, 404, 422, 500, 502, 503):
        said = outcome(COMMANDS[kind], answer(failure(code), status))
        assert isinstance(said, MayHaveBeenSent)
        ids = {"send_sms": "message_id", "top_up": "transaction_id"}
        assert dict(said.facts) == ({ids[kind]: "hRmvPsvbLrXr2v94W7op20220811"} if kind in ids else {})


def test_a_code_that_nobody_knows_leaves_the_word_to_http() -> None:
    assert outcome(top_up(), answer(failure(-999), 401)) == NotSent("token_refused", renew_token=True)
    assert outcome(top_up(), answer(failure(-999), 429, retry_after="9")) == NotSent("too_many_requests", delay=9)


def test_the_code_outranks_http() -> None:
    for status in (201, 302, 400, 401, 403, 404, 429, 500, 503):
        assert isinstance(outcome(get_balance(), answer(examples.BALANCE_SUCCESS, status)), Done)
        assert isinstance(outcome(top_up(to=OTHER_NUMBER), answer(examples.TOP_UP_SUCCESS, status)), Done)


UNREADABLE_BODIES = (
    b"", b"<html><h1>502 Bad Gateway</h1></html>", b"null", b"[]", b"200", b'"200"', b"{}", b'{"message": "OK"}',
    b'{"code": 200', b'{"code": 200, "code": -208}', b"\xff\xfe\x00", b'{"status": 200}', b'{"response": {"code": 200}}'
)  # fmt: skip

HTTP: tuple[Case[Answer, Outcome], ...] = (
    *[
        Case[Answer, Outcome](f"{status}", answer("", status), MayHaveBeenSent("answer_unreadable"))
        for status in (200, 202, 204, 301, 302, 400, 404, 405, 422, 500, 502, 503, 504)
    ],
    Case("401", answer("", 401), NotSent("token_refused", renew_token=True)),
    Case("403", answer("", 403), NotSent("token_refused", renew_token=True)),
    Case("429", answer("", 429), NotSent("too_many_requests")),
    Case("429, with a time", answer("", 429, retry_after="30"), NotSent("too_many_requests", delay=30)),
    Case("503, with a time", answer("", 503, retry_after="30"), MayHaveBeenSent("answer_unreadable")),
)


@pytest.mark.parametrize("body", UNREADABLE_BODIES, ids=repr)
@table("case", HTTP)
def test_without_a_code_http_decides(case: Case[Answer, Outcome], body: bytes) -> None:
    for command in COMMANDS.values():
        assert outcome(command, case.given._replace(body=body)) == case.expected


# --- messages --------------------------------------------------------------------------------------------------------


def test_a_message_without_its_id_is_on_its_way_all_the_same() -> None:
    assert facts(send_sms(), {"code": 200, "message": "SMS sent successfully", "response": None}) == {
        "provider_code": "200",
        "provider_text": "SMS sent successfully",
    }


@pytest.mark.parametrize("transaction", [None, "", "null", " ", "a b", "x" * 101, "é", ["x"], True])
def test_an_id_that_is_none_is_none(transaction: object) -> None:
    assert "message_id" not in facts(send_sms(), success({}, txID=transaction))
    assert outcome(top_up(), answer(success({}, txID=transaction))) == MayHaveBeenSent("no_transaction_id")


def test_an_id_can_be_a_number_or_stand_in_the_response() -> None:
    assert facts(send_sms(), success({}, txID=12345))["message_id"] == "12345"
    assert facts(send_sms(), success({"TXID ": "abc"}, txID=None))["message_id"] == "abc"


LIGHT_STATUSES = (
    Case("200", "200", "200"),
    Case("a number", 100, "100"),
    Case("in words", "Received", "100"),
    Case("queued", "102", "102"),
    Case("delivered at once", "201", "201"),
)


@table("case", LIGHT_STATUSES)
def test_a_light_message_that_was_taken(case: Case[object, str]) -> None:
    assert facts(send_sms(), success({"status": case.given}))["provider_code"] == case.expected


BAD_STATUSES: tuple[Case[tuple[object, Any], tuple[str, str]], ...] = (
    Case("rejected", ("-1", {"detail": "Blocked "}), ("-1", "Blocked")),
    Case("rejected, in words", ("Rejected", {}), ("-1", "Rejected")),
    Case("invalid", (-105, {}), ("-105", "Invalid")),
    Case("denied", ("-203", {"detail": ""}), ("-203", "Operation denied")),
)


@table("case", BAD_STATUSES)
@pytest.mark.parametrize("kind", SPENDING)
def test_a_success_whose_status_is_none_is_refused(case: Case[tuple[object, Any], tuple[str, str]], kind: str) -> None:
    status, more = case.given
    document = success({"status": status, **more})
    assert outcome(COMMANDS[kind], answer(document)) == Refused(*case.expected, document)


@pytest.mark.parametrize("kind", SPENDING)
@pytest.mark.parametrize("status", ["0", 7, "-208x", "Lost"])
def test_a_success_whose_status_nobody_knows_is_unknown(status: object, kind: str) -> None:
    said = outcome(COMMANDS[kind], answer(success({"status": status})))
    name = "message_id" if kind == "send_sms" else "transaction_id"
    assert said == MayHaveBeenSent("status_unknown", {name: "B9WN0dzTgTMdbosoU9Jp"})


@pytest.mark.parametrize("command", [send_sms(), top_up(), look_up()], ids=lambda command: command.kind)
@pytest.mark.parametrize("msisdn", ["525512345678", 525512345678, "+52 55 1234 5678", "5215512345678"])
def test_an_answer_about_another_number_is_not_ours(msisdn: object, command: BaseCommand) -> None:
    said = outcome(command, answer(success({"msisdn": msisdn, "status": 100, "mcc": "334", "mnc": "020"})))
    assert said == MayHaveBeenSent("answer_of_another")  # and no id: it would be another's


@pytest.mark.parametrize("msisdn", ["525545891076", "+525545891076", "5215545891076", None, "", "5545891076", "n/a"])
def test_an_answer_about_our_number_or_none_is_ours(msisdn: object) -> None:
    assert isinstance(outcome(top_up(), answer(success({"msisdn": msisdn, "status": 100}))), Done)


# --- top-ups ---------------------------------------------------------------------------------------------------------

TOP_UPS: tuple[Case[dict[str, Any], tuple[str, bool, str]], ...] = (
    Case("nothing more than its id", {}, ("received", False, "100")),
    Case("received", {"status": 100}, ("received", False, "100")),
    Case("received, as a text", {"status": "100"}, ("received", False, "100")),
    Case("looked up", {"status": 101}, ("pending", False, "101")),
    Case("queued", {"status": "102"}, ("pending", False, "102")),
    Case("done", {"status": 103}, ("succeeded", True, "103")),
    Case("done, in words", {"status": "Successful"}, ("succeeded", True, "103")),
    Case("tried again", {"status": 104}, ("pending", False, "104")),
)


@table("case", TOP_UPS)
def test_a_top_up_s_status(case: Case[dict[str, Any], tuple[str, bool, str]]) -> None:
    said = facts(top_up(), success(case.given))
    assert (said["status"], said["final"], said["provider_code"]) == case.expected


def test_every_status_of_table_2_is_decided_on() -> None:
    assert {case.expected[2] for case in TOP_UPS} | {"-1", "-105", "-203"} == set(TOP_UP_STATUSES)


def test_a_top_up_of_another_amount_is_for_a_person_to_look_at() -> None:
    for amount in ("200.00", "20.01", 2, "2,000.00"):
        said = outcome(top_up(), answer(success({"status": 100, "amount": amount})))
        assert said == MayHaveBeenSent("amount_of_another", {"transaction_id": "B9WN0dzTgTMdbosoU9Jp"})


@pytest.mark.parametrize("amount", [20, "20", "20.0000", "2e1", " 20.00 ", None, "", "twenty"])
def test_a_top_up_of_the_same_amount_however_it_is_written(amount: object) -> None:
    assert isinstance(outcome(top_up(), answer(success({"status": 100, "amount": amount}))), Done)


def test_a_campaign_says_what_its_amount_is() -> None:
    assert facts(campaign_top_up(), success({"amount": "1,000.50"}))["amount"] == money("1000.50")


def test_currencies_are_the_provider_s_where_it_names_one() -> None:
    response = {"amount": 20, "cost": "20.01", "amountCurrency": "usd"}
    assert facts(top_up(), success(response))["cost"] == money("20.01", "USD")
    assert facts(top_up(), success({**response, "amountCurrency": "$"}), currency="CLP")["cost"] == money(
        "20.01", "CLP"
    )


def test_a_refused_top_up_has_an_id_too() -> None:
    refused = outcome(top_up(), answer(examples.TOP_UP_FAILURE))
    assert isinstance(refused, Refused)
    assert transaction_of(refused.provider_data) == "yY6K3yrHYbdAMX5gW00720220811"
    assert transaction_of({}) is None


# --- questions -------------------------------------------------------------------------------------------------------

MESSAGE_STATUS_CASES = (
    Case("received", 100, ("accepted", False)),
    Case("looked up", "101", ("accepted", False)),
    Case("queued", 102, ("accepted", False)),
    Case("sent", 103, ("sent", False)),
    Case("in words", "Successful", ("sent", False)),
    Case("tried again", 104, ("accepted", False)),
    Case("rejected", -1, ("rejected", True)),
    Case("invalid", -105, ("failed", True)),
    Case("denied", -203, ("rejected", True)),
    Case("sent, by Table 4", 200, ("sent", False)),
    Case("delivered, by Table 4", "201", ("delivered", True)),
    Case("failed, by Table 4", -208, ("failed", True)),
    Case("nobody knows", 7, ("unknown", False)),
)


@table("case", MESSAGE_STATUS_CASES)
def test_a_message_s_status(case: Case[object, tuple[str, bool]]) -> None:
    said = facts(get_status(), success({"status": case.given}))
    assert (said["status"], said["final"]) == case.expected
    assert said["message_id"] == "txID12345"


def test_every_message_status_is_a_word_of_ours() -> None:
    assert {row.status for row in MESSAGE_STATUSES.values()} <= set(SmsStatus)
    assert {row.status for row in TOP_UP_STATUSES.values()} <= set(TopUpStatus)
    assert set(TOP_UP_STATUSES) <= set(MESSAGE_STATUSES)


INCOMPLETE: tuple[Case[tuple[BaseCommand, Any], str], ...] = (
    Case("a status without one", (get_status(), {"txID": "txID12345"}), "answer_incomplete"),
    Case("a status of nothing", (get_status(), None), "answer_incomplete"),
    Case("a status of another message", (get_status(), {"txID": "x", "status": 103}), "answer_of_another"),
    Case("no balance", (get_balance(), {"clientID": "1234-ABCD-1234"}), "answer_incomplete"),
    Case("a balance that is none", (get_balance(), {"balance": "a lot"}), "answer_incomplete"),
    Case("a balance with a comma for a point", (get_balance(), {"balance": "549950,05"}), "answer_incomplete"),
    Case("a balance of null", (get_balance(), {"balance": None}), "answer_incomplete"),
    Case("a list of balances", (get_balance(), [{"balance": 1}]), "answer_incomplete"),
    Case("nothing of a carrier", (look_up(), {"msisdn": "525545891076", "cost": 0.1}), "answer_incomplete"),
    Case("half a network", (look_up(), {"mcc": "334"}), "answer_incomplete"),
    Case("no rows", (get_report(), None), "answer_incomplete"),
    Case("rows that are no list", (get_report(), {"txID": "x"}), "answer_incomplete"),
)


@table("case", INCOMPLETE)
def test_an_answer_without_what_was_asked_for_is_none(case: Case[tuple[BaseCommand, Any], str]) -> None:
    command, response = case.given
    assert outcome(command, answer(success(response))) == MayHaveBeenSent(case.expected)


BALANCES = (
    Case("a number", "12.5", "12.5"),
    Case("nothing left", "0", "0"),
    Case("less than nothing", "-3.50", "-3.50"),
    Case("more than a float can hold", "123456789012345.123456789", "123456789012345.123456789"),
    Case("thousands", "1,234,567.89", "1234567.89"),
    Case("with an exponent", "5e2", "500"),
)


@table("case", BALANCES)
def test_a_balance(case: Case[str, str]) -> None:
    for written in (case.given, f'"{case.given}"'):
        body = f'{{"code": 200, "response": {{"balance": {written}}} "error": [null]}}'
        assert facts(get_balance(), body)["balance"] == money(case.expected)


LOOKUPS: tuple[Case[dict[str, Any], dict[str, Any]], ...] = (
    Case("fixed", {"numberType": 2, "isPorted": "False"}, {"number_type": "fixed", "ported": False}),
    Case("other", {"NumberType": "3", "IsPorted": "true"}, {"number_type": "other", "ported": True}),
    Case("a type that nobody knows", {"numberType": "9", "isPorted": "perhaps"}, {}),
    Case("names as in the table", {"networkId": 5, "serviceProviderId": 6}, {"network_id": "5", "carrier_id": "6"}),
    Case("a network alone", {"network": "Telcel", "networkID": "1"}, {"carrier": "Telcel", "carrier_id": "1"}),
)  # fmt: skip


@table("case", LOOKUPS)
def test_a_look_up(case: Case[dict[str, Any], dict[str, Any]]) -> None:
    said = facts(look_up(), success({"mcc": "334", "mnc": "020", **case.given}))
    assert {name: said.get(name) for name in case.expected} == case.expected
    assert ("number_type" in said, "ported" in said) == ("number_type" in case.expected, "ported" in case.expected)


REPORTS: tuple[Case[dict[str, Any], tuple[int, bool]], ...] = (
    Case("no top-ups", {"response": [], "count": 0}, (0, True)),
    Case("no top-ups and no list", {"response": None, "count": 0}, (0, True)),
    Case("a list with nothing in it", {"response": [None], "count": 0}, (0, True)),
    Case("no count", {"response": [{"txID": "a", "amount": 1}]}, (1, True)),
    Case("a count as text", {"response": [{"txID": "a", "amount": 1}], "count": "1"}, (1, True)),
    Case("fewer than it says", {"response": [{"txID": "a", "amount": 1}], "count": 2}, (1, False)),
    Case("a row without an id", {"response": [{"amount": 1}, {"txID": "b", "amount": 1}], "count": 2}, (1, False)),
    Case("a row without an amount", {"response": [{"txID": "a"}], "count": 1}, (0, False)),
    Case("a row that is none", {"response": ["a"], "count": 1}, (0, False)),
)


@table("case", REPORTS)
def test_a_report(case: Case[dict[str, Any], tuple[int, bool]]) -> None:
    said = facts(get_report(), {"code": 200, "message": "done", **case.given})
    assert (said["count"], said["complete"]) == case.expected
    assert len(said["rows"]) == said["count"]


def test_a_report_s_rows_stand_in_its_facts_alone() -> None:
    done = outcome(get_report(), answer(examples.REPORT_SUCCESS))
    assert isinstance(done, Done)
    assert "response" not in done.provider_data


def test_facts_fit_the_events() -> None:
    assert BalanceReported.model_validate(facts(get_balance(), examples.BALANCE_SUCCESS)).balance.currency == "MXN"
    assert CarrierLookedUp.model_validate(facts(look_up(), examples.LOOKUP_V2_SUCCESS)).ported is True
    days = {"first_day": "2022-08-09", "last_day": "2022-08-12"}
    report = TopUpReportCompleted.model_validate({**days, **facts(get_report(), examples.REPORT_SUCCESS)})
    assert report.rows is not None
    assert report.rows[0].to == OTHER_NUMBER


# --- whatever comes --------------------------------------------------------------------------------------------------


def test_a_secret_that_a_server_repeats_goes_no_further() -> None:
    encoded = "marked%2Fpass%20word%3F%23%25%C3%A9%261"
    document = failure(400, f"no: {PASSWORD}", path=[f"/api/{encoded}"], zrtauth="t", response={"ZRTAuth": "t", "a": 1})
    refused = outcome(top_up(), answer(document, 400))
    assert isinstance(refused, Refused)
    assert refused.text == "[credential]"
    assert refused.provider_data["path"] == ["[credential]"]
    assert refused.provider_data["response"] == {"a": 1}
    assert "zrtauth" not in refused.provider_data


def test_words_are_cut_short() -> None:
    refused = outcome(top_up(), answer(failure(400, "x" * 10_000)))
    assert isinstance(refused, Refused)
    assert len(refused.text) == 500


def test_each_command_of_a_call_has_an_outcome() -> None:
    assert SENDING.read([], ACCOUNT, answer("")) == []
    assert len(SENDING.read([top_up(), send_sms()], ACCOUNT, answer(""))) == 2


def test_every_kind_can_be_read() -> None:
    assert set(READERS) == SENDING.kinds - {"cancel"}


_NAMES = """code message txID response error status msisdn amount cost balance count detail networkID mcc mnc isPorted
segments encoding dateTimeTransaction Code zrtauth"""
_words = st.sampled_from([*_NAMES.split(), "code "])
_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-400, 500)
    | st.sampled_from([200, 400, -204, -209, -210, 10**30, "200", "103", "-1", "525545891076", "20.00", "549,950.05"])
    | st.sampled_from(["2022-08-11T04:03:18", "9999-12-31T23:59:59+00:00", "12-31-9999 23:59", "\ud83d", "\u0000"])
    | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=6),
    max_leaves=25,
)
_bodies = (
    st.binary(max_size=200)
    | st.dictionaries(_words, _values, max_size=8).map(lambda document: json.dumps(document).encode())
    | st.builds(
        lambda code, response, more: json.dumps({**more, "code": code, "response": response}).encode(),
        st.just(200) | st.sampled_from(sorted(RESPONSE_CODES)),
        _values,
        st.dictionaries(_words, _values, max_size=4),
    )
)


@given(
    _bodies,
    st.integers(100, 599),
    st.sampled_from(sorted(COMMANDS)),
    st.dictionaries(st.just("retry-after"), st.text()),
)
@settings(max_examples=300, deadline=None)
def test_reading_is_total_and_never_guesses(body: bytes, status: int, kind: str, headers: dict[str, str]) -> None:
    (said,) = SENDING.read([COMMANDS[kind]], ACCOUNT, Answer(status, headers, body))
    document = read_document(body)
    code = str((document or {}).get("code", (document or {}).get("Code"))).strip().removesuffix(".0")
    match said:
        case Done(known, provider_data):
            assert code == "200"
            json.dumps([dict(known), dict(provider_data)], ensure_ascii=False).encode()  # fit to be stored
        case Refused(_, text, provider_data):
            assert code in REFUSALS or (code == "200" and kind in SPENDING)
            json.dumps([text, dict(provider_data)], ensure_ascii=False).encode()
        case NotSent():
            assert code in CODES or status in {401, 403, 429}
        case MayHaveBeenSent(_, known):
            assert code not in REFUSALS
            json.dumps(dict(known), ensure_ascii=False).encode()


@given(st.binary(max_size=100), st.sampled_from(sorted(COMMANDS)))
def test_what_is_cut_off_is_never_done(noise: bytes, kind: str) -> None:
    whole = examples.TOP_UP_SUCCESS.encode()
    for end in range(0, len(whole) - 3, 7):
        said = outcome(COMMANDS[kind], answer(whole[:end] + noise.replace(b"}", b"")))
        assert isinstance(said, MayHaveBeenSent)
