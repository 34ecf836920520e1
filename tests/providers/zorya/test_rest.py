"""Zorya's REST API: accounts, log-ins, commands to requests, and commands that are refused before one."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hookline.commands import BaseCommand, BatchMessage, Rejection, SendSmsBatch, parse_command
from hookline.errors import AccountNotFoundError, AccountSettingsError
from hookline.outcomes import Answer, MayHaveBeenSent, NotSent, Refused
from hookline.providers.zorya.checks import amount_at_stake
from hookline.providers.zorya.products import PRODUCTS
from hookline.providers.zorya.repair import read_document
from hookline.providers.zorya.rest import SENDING, log_in, read_token
from hookline.providers.zorya.rest_settings import RestSettings
from tests.cases import Case, table
from tests.providers.zorya import examples
from tests.providers.zorya.rest_samples import (
    AUTH,
    CLIENT,
    COMMANDS,
    GATEWAY,
    NUMBER,
    OTHER_NUMBER,
    PASSWORD,
    TOKEN,
    TOPUP,
    account_of,
    answer,
    campaign_top_up,
    document_of,
    failure,
    get_balance,
    get_report,
    get_status,
    look_up,
    send_sms,
    success,
    top_up,
)
from tests.samples import MEXICAN_NUMBER, NOW

SAMPLES = Path(__file__).parents[3] / "events" / "send_zorya"
type Asked = tuple[BaseCommand, dict[str, Any]]
"""A command, and settings of the account that it is for."""

HOLA = "Hol\u00e1"


def checked(command: BaseCommand, **account_settings: Any) -> BaseCommand:
    return SENDING.check(command, account_of(**account_settings), NOW)


# --- commands to requests --------------------------------------------------------------------------------------------

SMS = '{"msisdn": "525545891076", "clientID": "1234-ABCD-1234", "sender": "%s", "message": "%s"}'
AMOUNT = '{"clientID": "1234-ABCD-1234", "MSISDN": "525545891076", "amount": %s}'
DIRECT = '{"clientID": "1234-ABCD-1234", "MSISDN": "525545891076", "amount": 20.00, "ZCode": "TELTA"}'
CAMPAIGN = '{"msisdn": "525545891076", "clientID": "1234-ABCD-1234", "campaign": "campaignTest1"}'
LOOKUP = '{"clientID": "1234-ABCD-1234", "MSISDN": "525545891076"}'
V3, LIGHT, FLASH = f"{GATEWAY}/v3/api/sendSms", f"{GATEWAY}/v1/api/sendSmsLight", f"{GATEWAY}/v1/api/sendSmsFlash"
STATUS = f"{GATEWAY}/api/getSmsStatus/1234-ABCD-1234"
BY_LIGHT = {"send_method": "light"}

REQUESTS: tuple[Case[Asked, tuple[str, str, str]], ...] = (
    Case("sendSms V3", (send_sms(text=HOLA), {}), ("POST", V3, SMS % ("99999", "Hol\\u00e1"))),
    Case(
        "sendSms V3, the account's sender",
        (send_sms(text="x", sender=None), {"sender": "ACME"}),
        ("POST", V3, SMS % ("ACME", "x")),
    ),
    Case("sendSmsLight", (send_sms(text="x"), BY_LIGHT), ("POST", LIGHT, SMS % ("99999", "x"))),
    Case("sendSmsFlash", (send_sms(text="x", flash=True), {}), ("POST", FLASH, SMS % ("99999", "x"))),
    Case(
        "sendSmsFlash, whatever send_method says",
        (send_sms(text="x", flash=True), BY_LIGHT),
        ("POST", FLASH, SMS % ("99999", "x")),
    ),
    Case("executeTopUp", (top_up(), {}), ("POST", f"{TOPUP}/api/executeTopUp/", AMOUNT % "20.00")),
    Case(
        "executeTopUp, an amount that no float holds",
        (top_up(amount="0.10"), {}),
        ("POST", f"{TOPUP}/api/executeTopUp/", AMOUNT % "0.10"),
    ),
    Case(
        "executeTopUp, an amount without decimals",
        (top_up(amount="100"), {}),
        ("POST", f"{TOPUP}/api/executeTopUp/", AMOUNT % "100.00"),
    ),
    Case("executeDirectTopUp", (top_up(product="TELTA"), {}), ("POST", f"{TOPUP}/api/executeDirectTopUp/", DIRECT)),
    Case("executeTopUpCamp", (campaign_top_up(), {}), ("POST", f"{TOPUP}/api/executeTopUpCamp/", CAMPAIGN)),
    Case(
        "executeTopUpCamp, another path",
        (campaign_top_up(), {"campaign_path": "/"}),
        ("POST", f"{TOPUP}/", CAMPAIGN),
    ),
    Case("carrierLookUp V2", (look_up(), {}), ("POST", f"{GATEWAY}/v2/api/carrierLookUp/", LOOKUP)),
    Case(
        "carrierLookUp, the deprecated one",
        (look_up(), {"lookup_version": "v1"}),
        ("POST", f"{GATEWAY}/api/carrierLookUp/", LOOKUP),
    ),
    Case("getSmsStatus", (get_status(), {}), ("GET", f"{STATUS}/txID12345", "")),
    Case("getSmsStatus of a strange id", (get_status("../a?b#c%"), {}), ("GET", f"{STATUS}/..%2Fa%3Fb%23c%25", "")),
    Case("getSmsStatus of an id of dots", (get_status(".."), {}), ("GET", f"{STATUS}/%2E%2E", "")),
    Case("getBalance", (get_balance(), {}), ("GET", f"{GATEWAY}/api/getBalance/1234-ABCD-1234", "")),
    Case(
        "getTopUpReport",
        (get_report(), {}),
        ("GET", f"{TOPUP}/api/getTopUpReport/1234-ABCD-1234/08-09-2022/08-12-2022/", ""),
    ),
)


@table("case", REQUESTS)
def test_a_command_becomes_a_request(case: Case[Asked, tuple[str, str, str]]) -> None:
    command, account_settings = case.given
    account = account_of(**account_settings)
    ((call, commands),) = SENDING.plan([SENDING.check(command, account, NOW)], account, TOKEN)
    assert (call.method, call.url, call.content.decode()) == case.expected
    assert [each.id for each in commands] == [command.id]
    assert call.headers["ZRTAuth"] == TOKEN
    assert ("Content-Type" in call.headers) == (call.method == "POST")
    assert str(httpx.URL(call.url)) == call.url  # nothing is normalised on its way out


@pytest.mark.parametrize(
    ("command", "example"),
    [
        (send_sms(text=HOLA), examples.SEND_SMS_REQUEST),
        (send_sms(text=HOLA, flash=True), examples.SEND_SMS_FLASH_REQUEST),
        (top_up(to=OTHER_NUMBER), examples.TOP_UP_REQUEST),
        (top_up(product="TELTA"), examples.DIRECT_TOP_UP_REQUEST),
        (campaign_top_up(to=OTHER_NUMBER), examples.CAMPAIGN_TOP_UP_REQUEST),
        (look_up(), examples.LOOKUP_V2_REQUEST),
    ],
    ids=["sendSms", "sendSmsFlash", "executeTopUp", "executeDirectTopUp", "executeTopUpCamp", "carrierLookUp"],
)
def test_a_request_says_what_the_document_s_example_says(command: BaseCommand, example: str) -> None:
    account = account_of()
    ((call, _),) = SENDING.plan([command], account, TOKEN)
    shown = read_document(example.encode())
    assert shown is not None
    assert read_document(call.content) == {**shown, "clientID": CLIENT}


def test_each_command_has_a_call_of_its_own() -> None:
    planned = SENDING.plan(list(COMMANDS.values()), account_of(), TOKEN)
    assert [commands for _, commands in planned] == [(command,) for command in COMMANDS.values()]
    assert {call.size for call, _ in planned} == {1}


def test_every_kind_of_command_has_a_request() -> None:
    assert SENDING.kinds - {"cancel"} == set(COMMANDS), "a cancellation asks nothing of the provider"


@given(st.decimals(min_value="0.01", max_value="9999999999.99", places=2))
@settings(deadline=None)
def test_an_amount_is_written_exactly(amount: Decimal) -> None:
    ((call, _),) = SENDING.plan([top_up(amount=amount)], account_of(), TOKEN)
    written = json.loads(call.content, parse_float=str)["amount"]
    assert Decimal(written) == amount
    assert written == format(amount, ".2f")


@given(st.text(min_size=1, max_size=40))
def test_any_text_is_sent_whole(text: str) -> None:
    ((call, _),) = SENDING.plan([send_sms(text=text)], account_of(), TOKEN)
    assert call.content.isascii()
    assert json.loads(call.content)["message"] == text


def test_pace_counts_segments_of_messages_and_one_for_anything_else() -> None:
    assert SENDING.size(send_sms(text="a" * 161)) == 2
    assert {SENDING.size(command) for kind, command in COMMANDS.items() if kind != "send_sms"} == {1}


# --- the log-in ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("auth_url", [AUTH, f"{AUTH}/", f"{AUTH}//"])
def test_the_log_in_s_url(auth_url: str) -> None:
    call = log_in(account_of(auth_url=auth_url))
    encoded = "marked%2Fpass%20word%3F%23%25%C3%A9%261"
    assert (call.method, call.content) == ("GET", b"")
    assert call.url == f"{AUTH}/auth/api/getAuthToken/1234-ABCD-1234/{encoded}"


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
@settings(deadline=None)
def test_any_credentials_stay_two_segments_of_the_path(client: str, password: str) -> None:
    document = document_of()
    document["credentials"] = {"client_id": client, "secure_password": password}
    call = log_in(SENDING.read_account("acme-mx", document))
    path = httpx.URL(call.url).raw_path.decode()
    assert [unquote(segment) for segment in path.split("/")] == ["", "auth", "api", "getAuthToken", client, password]
    assert urlsplit(call.url).query == urlsplit(call.url).fragment == ""


def test_nothing_of_a_call_shows_in_its_repr() -> None:
    account = account_of()
    planned = SENDING.plan([send_sms()], account, TOKEN)
    shown = f"{log_in(account)!r} {planned!r} {account!r} {answer(PASSWORD)!r}"
    for secret in (PASSWORD, TOKEN, "marked%2Fpass", "getAuthToken"):
        assert secret not in shown


TOKENS = (
    Case("the document's example", answer(examples.AUTH_TOKEN_SUCCESS), "sipx7YVFJ920220810"),
    Case("ZRTAuth", answer(success({"ZRTAuth": "abc"})), "abc"),
    Case("zrtAuth at the top", answer({"code": 200, "zrtAuth": "abc"}), "abc"),
    Case("a name with a blank", answer(success({"zrtauth ": " abc "})), "abc"),
    Case("in a list", answer(success([{"zrtauth": "abc"}])), "abc"),
    Case("no code", answer({"zrtauth": "abc"}), "abc"),
    Case("broken", answer('{"code": 200, "response": {"zrtauth": "abc",} "error": [null]}'), "abc"),
    Case("the code outranks the status", answer(success({"zrtauth": "abc"}), 500), "abc"),
    Case("a number", answer(success({"zrtauth": 12345})), "12345"),
    Case("-204", answer(failure(-204, f"Invalid {PASSWORD}"), 200), Refused("-204", "Invalid Auth Token", {})),
    Case("-203 as a text", answer(failure("-203"), 200), Refused("-203", "Operation denied", {})),
    Case("-312", answer(failure(-312), 200), Refused("-312", "the credentials were refused", {})),
    Case("-202", answer(failure(-202), 200), Refused("-202", "Operation not found", {})),
    Case("-205", answer(failure(-205), 401), Refused("-205", "Expired Auth Token", {})),
    Case("-211", answer(failure(-211), 200), Refused("-211", "Unauthorized destination number", {})),
    Case("400", answer(failure(400), 200), Refused("400", "Bad Request", {})),
    Case("HTTP 401", answer("nope", 401), Refused("401", "the credentials were refused", {})),
    Case("HTTP 403", answer("", 403), Refused("403", "the credentials were refused", {})),
    Case("HTTP 400", answer("<html>", 400), Refused("400", "Bad Request", {})),
    Case(
        "a refusal with a token",
        answer(failure(-203, response={"zrtauth": "x"})),
        Refused("-203", "Operation denied", {}),
    ),
    Case("-209", answer(failure(-209)), NotSent("retry_later", delay=600)),
    Case("-210", answer(failure(-210)), NotSent("no_funds", stop_account=True)),
    Case("-201", answer(failure(-201)), NotSent("no_token")),
    Case("a code that nobody knows", answer(failure(-999)), NotSent("no_token")),
    Case("HTTP 429", answer("", 429, retry_after="7"), NotSent("too_many_requests", delay=7)),
    Case("code 429", answer(failure(429)), NotSent("too_many_requests")),
    Case("HTTP 500", answer("<html>", 500), NotSent("no_token")),
    Case("HTTP 404", answer("<html>", 404), NotSent("no_token")),
    Case("a redirect", answer("", 302), NotSent("no_token")),
    Case("a page", answer("<html>", 200), NotSent("no_token")),
    Case("no token", answer(success({})), NotSent("no_token")),
    Case("an empty token", answer(success({"zrtauth": ""})), NotSent("no_token")),
    Case("null", answer(success({"zrtauth": None})), NotSent("no_token")),
    Case("a token that no header can carry", answer(success({"zrtauth": "a\r\nb"})), NotSent("no_token")),
    Case("a token with a blank", answer(success({"zrtauth": "a b"})), NotSent("no_token")),
    Case("a token that is too long", answer(success({"zrtauth": "a" * 5000})), NotSent("no_token")),
    Case("no code, and an error's status", answer({"zrtauth": "abc"}, 500), NotSent("no_token")),
)


@table("case", TOKENS)
def test_a_token_is_read(case: Case[Answer, Any]) -> None:
    assert read_token(case.given) == case.expected


@given(st.binary(max_size=200), st.integers(100, 599))
def test_a_log_in_s_answer_is_never_unknown(body: bytes, status: int) -> None:
    said = read_token(Answer(status, {}, body))
    assert not isinstance(said, MayHaveBeenSent)
    assert not isinstance(said, Refused) or said.text in {"Bad Request", "the credentials were refused"}


# --- accounts --------------------------------------------------------------------------------------------------------


def test_what_an_account_has_where_nothing_is_said() -> None:
    defaults = account_of().settings
    assert (defaults.timezone.key, defaults.currency) == ("America/Mexico_City", "MXN")
    assert (defaults.send_method, defaults.lookup_version) == ("v3", "v2")
    assert (defaults.max_top_up, defaults.max_top_up_a_day) == (Decimal(500), Decimal(5000))
    assert defaults.sender is None


def test_what_an_account_may_say() -> None:
    said = account_of(
        timezone="America/Tijuana",
        max_top_up="80.50",
        max_top_up_a_day=1000,
        products={"NEW": ["33.00", 50]},
        campaign_amounts={"campaignTest1": "35.50"},
        report_statuses={"0": "succeeded"},
        currency="USD",
        on_unknown="resend",
    ).settings
    assert (said.timezone.key, said.currency, said.on_unknown) == ("America/Tijuana", "USD", "resend")
    assert (said.max_top_up, said.max_top_up_a_day) == (Decimal("80.5"), Decimal(1000))
    assert list(said.products["NEW"]) == [Decimal(33), Decimal(50)]
    assert said.campaign_amounts["campaignTest1"] == Decimal("35.5")
    assert said.report_statuses == {"0": "succeeded"}


def test_an_account_for_receiving_may_have_more_settings() -> None:
    assert account_of(jwt_location="body", clock_skew=5).settings == account_of().settings


def test_every_setting_has_a_description() -> None:
    assert SENDING.setting_names == set(RestSettings.model_fields)
    assert all(field.description for field in RestSettings.model_fields.values())


BAD_SETTINGS = (
    Case("no auth_url", {"auth_url": None}, "settings.auth_url"),
    Case("plain http", {"gateway_url": "http://gateway.example.com"}, "settings.gateway_url"),
    Case("another scheme", {"gateway_url": "ftp://gateway.example.com"}, "settings.gateway_url"),
    Case("no host", {"topup_url": "https:///api"}, "settings.topup_url"),
    Case("a host that only looks local", {"auth_url": "http://127.0.0.1.example.com"}, "settings.auth_url"),
    Case("a user", {"auth_url": "https://me@auth.example.com"}, "settings.auth_url"),
    Case("a query", {"auth_url": "https://auth.example.com?x=1"}, "settings.auth_url"),
    Case("a fragment", {"auth_url": "https://auth.example.com#x"}, "settings.auth_url"),
    Case("a blank", {"auth_url": "https://auth.example.com/a b"}, "settings.auth_url"),
    Case("no port", {"auth_url": "https://auth.example.com:port"}, "settings.auth_url"),
    Case("half an address", {"auth_url": "https://[::1"}, "settings.auth_url"),
    Case("no URL", {"auth_url": 5}, "settings.auth_url"),
    Case("no zone", {"timezone": "Mexico"}, "settings.timezone"),
    Case("no zone at all", {"timezone": 5}, "settings.timezone"),
    Case("a path for a zone", {"timezone": "../../etc/passwd"}, "settings.timezone"),
    Case("a version", {"lookup_version": "v3"}, "settings.lookup_version"),
    Case("a method", {"send_method": "flash"}, "settings.send_method"),
    Case("a path without its slash", {"campaign_path": "api/"}, "settings.campaign_path"),
    Case("a path with a query", {"campaign_path": "/api?x"}, "settings.campaign_path"),
    Case("an empty sender", {"sender": ""}, "settings.sender"),
    Case("a ceiling of nothing", {"max_top_up": 0}, "settings.max_top_up"),
    Case("a ceiling below nothing", {"max_top_up_a_day": "-1"}, "settings.max_top_up_a_day"),
    Case("a ceiling that is none", {"max_top_up": "a lot"}, "settings.max_top_up"),
    Case("a ceiling that is a float", {"max_top_up": 20.5}, "settings.max_top_up"),
    Case("a ceiling that is true", {"max_top_up": True}, "settings.max_top_up"),
    Case("tenths of cents", {"max_top_up": "20.001"}, "settings.max_top_up"),
    Case("an endless ceiling", {"max_top_up": "Infinity"}, "settings.max_top_up"),
    Case("a currency", {"currency": "pesos"}, "settings.currency"),
    Case("amounts", {"products": {"X": ["-5"]}}, "settings.products.X.0"),
    Case("a campaign's amount", {"campaign_amounts": {"c": 0}}, "settings.campaign_amounts.c"),
    Case("a report's status", {"report_statuses": {"0": "done"}}, "settings.report_statuses.0"),
)


@table("case", BAD_SETTINGS)
def test_a_setting_that_cannot_be_used_is_named(case: Case[dict[str, Any], str]) -> None:
    with pytest.raises(AccountSettingsError) as raised:
        account_of(**case.given)
    assert raised.value.field == case.expected


@pytest.mark.parametrize("url", ["http://127.0.0.1:8091", "http://localhost:1", "http://zorya.localhost:4566/z"])
def test_http_is_for_this_machine_alone(url: str) -> None:
    assert account_of(auth_url=url).settings.auth_url == url


@pytest.mark.parametrize(
    ("credentials", "field"),
    [
        ({"client_id": CLIENT}, "credentials.secure_password"),
        ({"client_id": "", "secure_password": PASSWORD}, "credentials.client_id"),
        ({"client_id": CLIENT, "secure_password": f"{PASSWORD}\ud800"}, "credentials.secure_password"),
        ({"client_id": CLIENT, "secure_password": 5}, "credentials.secure_password"),
        (None, "credentials.client_id"),
    ],
)
def test_credentials_that_cannot_be_used_are_named_and_not_shown(credentials: Any, field: str) -> None:
    with pytest.raises(AccountSettingsError) as raised:
        SENDING.read_account("acme-mx", {**document_of(), "credentials": credentials})
    assert raised.value.field == field
    assert PASSWORD not in str(raised.value)


def test_an_account_of_another_provider_is_none_of_ours() -> None:
    with pytest.raises(AccountNotFoundError):
        SENDING.read_account("acme-za", {**document_of(), "provider": "zoom_connect"})


# --- what is refused before a request --------------------------------------------------------------------------------

SOON = datetime.fromtimestamp(NOW, UTC)
REFUSED: tuple[Case[Asked, str], ...] = (
    Case("no number", (send_sms(to="somebody"), {}), "to"),
    Case("a number of another country", (send_sms(to="+27825550142"), {}), "to"),
    Case("ten digits, without the country code", (send_sms(to="5545891076"), {}), "to"),
    Case("eleven digits", (send_sms(to="+52554589107"), {}), "to"),
    Case("thirteen digits", (send_sms(to="+5255458910760"), {}), "to"),
    Case("521 and nine digits", (top_up(to="+521554589107"), {}), "to"),
    Case("an extension", (top_up(to="+525545891076 ext 5"), {}), "to"),
    Case("letters for digits", (top_up(to="+5255FLOWERS0"), {}), "to"),
    Case(
        "digits of another script",
        (top_up(to="+52\u0665\u0665\u0664\u0665\u0668\u0669\u0661\u0660\u0667\u0666"), {}),
        "to",
    ),
    Case("a number that Mexico does not give out", (top_up(to="+521045891076"), {}), "to"),
    Case("an area code that there is none of", (top_up(to="+523095513148"), {}), "to"),
    Case("two plus signs", (top_up(to="++525545891076"), {}), "to"),
    Case("a look-up of no number", (look_up("12"), {}), "number"),
    Case("an empty text", (send_sms(text=""), {}), "text"),
    Case("a text of blanks", (send_sms(text=" \n"), {}), "text"),
    Case("eleven segments", (send_sms(text="a" * (153 * 10 + 1)), {}), "text"),
    Case("two segments where one is allowed", (send_sms(text="á" * 71), {"max_segments": 1}), "text"),
    Case("no sender", (send_sms(sender=None), {}), "sender"),
    Case("a sender of blanks", (send_sms(sender=" "), {"sender": None}), "sender"),
    Case("a campaign", (send_sms(campaign="spring"), {}), "campaign"),
    Case("now", (send_sms(send_at=SOON), {}), "send_at"),
    Case("in the past", (send_sms(send_at=SOON - timedelta(days=1)), {}), "send_at"),
    Case("in years", (send_sms(send_at=SOON + timedelta(days=400)), {}), "send_at"),
    Case("a message without a gateway", (send_sms(), {"gateway_url": None}), "account"),
    Case("a look-up without a gateway", (look_up(), {"gateway_url": None}), "account"),
    Case("a status without a gateway", (get_status(), {"gateway_url": None}), "account"),
    Case("a balance without a gateway", (get_balance(), {"gateway_url": None}), "account"),
    Case("a top-up without an address", (top_up(), {"topup_url": None}), "account"),
    Case("a report without an address", (get_report(), {"topup_url": None}), "account"),
    Case("no amount", (top_up(amount=None), {}), "amount"),
    Case("a product and no amount", (top_up(amount=None, product="TELTA"), {}), "amount"),
    Case("a campaign and an amount", (campaign_top_up(amount="20"), {}), "amount"),
    Case("a campaign and a product", (campaign_top_up(product="TELTA"), {}), "product"),
    Case("an empty campaign", (campaign_top_up(campaign=" "), {}), "campaign"),
    Case("no such product", (top_up(product="TELTB"), {}), "product"),
    Case("a product in lower case", (top_up(product="telta"), {}), "product"),
    Case("an amount that the product has not", (top_up(product="TELTA", amount="25"), {}), "amount"),
    Case("a cent too many", (top_up(product="TELTA", amount="20.01"), {}), "amount"),
    Case("more than one top-up may be", (top_up(amount="500.01"), {}), "amount"),
    Case("more than the account allows", (top_up(amount="50"), {"max_top_up": "49.99"}), "amount"),
    Case("more than a day allows", (top_up(amount="50"), {"max_top_up_a_day": 40}), "amount"),
    Case("a product's amount that is too much", (top_up(product="UNETA", amount="1000"), {}), "amount"),
    Case("a campaign worth too much", (campaign_top_up(), {"campaign_amounts": {"campaignTest1": 501}}), "campaign"),
    Case("a campaign worth nobody knows what", (campaign_top_up(), {"max_top_up_a_day": 499}), "campaign"),
    Case("an amount that the account took away", (top_up(product="TELTA"), {"products": {"TELTA": [30]}}), "amount"),
    Case("a product that the account forbids", (top_up(product="TELTA"), {"products": {"TELTA": []}}), "amount"),
    Case("an id with a blank", (get_status("tx 1"), {}), "message_id"),
    Case("an id with a line's end", (get_status("tx\n"), {}), "message_id"),
    Case("an id outside of ASCII", (get_status("txé"), {}), "message_id"),
    Case("days in the wrong order", (get_report("2026-02-02", "2026-02-01"), {}), "last_day"),
    Case(
        "what is split before",
        (SendSmsBatch(command="send_sms_batch", id="b", account="acme-mx", messages=[BatchMessage(to=NUMBER)]), {}),
        "command",
    ),
)


@table("case", REFUSED)
def test_what_the_provider_could_not_do_is_refused(case: Case[Asked, str]) -> None:
    command, account_settings = case.given
    with pytest.raises(Rejection) as raised:
        checked(command, **account_settings)
    assert raised.value.field == case.expected
    assert raised.value.problem


TAKEN: tuple[Case[Asked, str], ...] = (
    Case("a number with blanks and dashes", (top_up(to="+52 (55) 4589-1076"), {}), NUMBER),
    Case("without a plus sign", (top_up(to="525545891076"), {}), NUMBER),
    Case("as mobile numbers were dialled until 2019", (top_up(to="+52 1 55 4589 1076"), {}), NUMBER),
    Case("the same, all together", (send_sms(to="5215545891076"), {}), NUMBER),
    Case("a number of the suite", (send_sms(to=MEXICAN_NUMBER), {}), f"+{MEXICAN_NUMBER}"),
    Case("ten segments", (send_sms(text="a" * 1530), {}), NUMBER),
    Case("tomorrow", (send_sms(send_at=SOON + timedelta(days=1)), {}), NUMBER),
    Case("as much as one may be", (top_up(amount="500.00"), {}), NUMBER),
    Case("a product's amount", (top_up(product="ABIBTA", amount="220"), {}), NUMBER),
    Case(
        "a product that only the account knows",
        (top_up(product="NEW", amount="33"), {"products": {"NEW": [33]}}),
        NUMBER,
    ),
    Case("a campaign", (campaign_top_up(), {}), NUMBER),
)


@table("case", TAKEN)
def test_what_the_provider_can_do_is_taken(case: Case[Asked, str]) -> None:
    command, account_settings = case.given
    taken = checked(command, **account_settings)
    assert getattr(taken, "to", None) == case.expected
    assert checked(taken, **account_settings) == taken  # checking again changes nothing


def test_the_same_top_up_is_the_same_however_it_is_written() -> None:
    written = [top_up(amount=amount, to=to) for amount in ("20", "20.0", "20.00") for to in (NUMBER, "5215545891076")]
    assert {checked(command).digest for command in written} == {checked(top_up()).digest}


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_amount_of_table_3_is_taken_and_no_other(product: str) -> None:
    amounts = PRODUCTS[product].amounts
    ceilings = {"max_top_up": 10_000, "max_top_up_a_day": 10_000}
    for amount in amounts:
        checked(top_up(product=product, amount=amount), **ceilings)
    with pytest.raises(Rejection):
        checked(top_up(product=product, amount=max(amounts) + 1), **ceilings)


def test_what_a_top_up_counts_for_against_the_ceilings() -> None:
    known = account_of(campaign_amounts={"campaignTest1": "35.50"}, max_top_up="80").settings
    assert amount_at_stake(top_up(amount="20"), known) == Decimal(20)
    assert amount_at_stake(campaign_top_up(), known) == Decimal("35.50")
    assert amount_at_stake(campaign_top_up(campaign="another"), known) == Decimal(80)


@given(
    st.text(max_size=32) | st.from_regex(r"\A\+?52[1-9 ().\-][0-9 ().\-]{8,14}\Z").filter(lambda text: len(text) <= 32),
    st.text(max_size=30),
)
def test_a_check_says_no_or_gives_twelve_digits(to: str, text: str) -> None:
    try:
        taken = checked(send_sms(to=to, text=text))
    except Rejection:
        return
    ((call, _),) = SENDING.plan([taken], account_of(), TOKEN)
    msisdn = json.loads(call.content)["msisdn"]
    assert (msisdn[:2], len(msisdn), msisdn.isdigit()) == ("52", 12, True)


# --- samples ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_a_sample_is_taken(path: Path) -> None:
    (record,) = json.loads(path.read_text("utf-8"))["Records"]
    command = parse_command(record["body"])
    assert command.account == "acme-mx"
    assert checked(command, sender="99999")


def test_there_is_a_sample_of_every_command() -> None:
    kinds = {
        parse_command(json.loads(path.read_text("utf-8"))["Records"][0]["body"]).kind for path in SAMPLES.glob("*.json")
    }
    assert kinds == SENDING.kinds


# --- the documentation -----------------------------------------------------------------------------------------------

PAGE = (Path(__file__).parents[3] / "docs" / "zorya-rest.md").read_text("utf-8")


def rows_of(heading: str) -> list[list[str]]:
    """Return the cells of the first table under a heading of the page."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_every_setting_is_in_the_documentation_with_its_default() -> None:
    documented = {cells[0].strip("`"): cells[1] for cells in rows_of("Credentials and settings")}
    fields = RestSettings.model_fields
    assert list(documented) == [*list(fields)[3:], *list(fields)[:3]]
    for name, said in documented.items():
        if fields[name].is_required():
            assert said == "needed"
            continue
        default = fields[name].get_default(call_default_factory=True)
        if default is None:
            assert said == "none"
            continue
        known = default if isinstance(default, str | float | int | dict) else str(default)
        assert json.loads(said.strip("`")) == known, name


def test_every_method_is_in_the_documentation_with_its_endpoint_and_its_test() -> None:
    tests = "\n".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    endpoints = []
    for _method, _command, endpoint, _event, test in rows_of("Methods"):
        assert f"def {test.strip('`')}(" in tests
        endpoints.append(endpoint.strip("`"))
    base = {
        "{auth_url}": AUTH,
        "{gateway_url}": GATEWAY,
        "{topup_url}": TOPUP,
        "{campaign_path}": "/api/executeTopUpCamp/",
    }
    values = {"{clientID}": CLIENT, "{txID}": "txID12345", "{MM-dd-yyyy}/{MM-dd-yyyy}": "08-09-2022/08-12-2022"}
    for name, value in {**base, **values}.items():
        endpoints = [endpoint.replace(name, value) for endpoint in endpoints]
    known = {f"{verb} {url}" for verb, url, _ in (case.expected for case in REQUESTS) if ".." not in url}
    known -= {f"POST {TOPUP}/", f"GET {STATUS}/%2E%2E"}
    assert set(endpoints[1:]) == known
    assert endpoints[0].startswith("GET https://auth.example.com/auth/api/getAuthToken/")
