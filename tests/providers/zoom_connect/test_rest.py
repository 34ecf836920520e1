"""From commands to Zoom Connect's requests: which are refused before a call, and each encoding and authentication."""

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlsplit
from zoneinfo import ZoneInfo

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st
from zoomconnect_sdk.client import Client  # type: ignore[import-untyped]

from hookline.commands import Rejection, SendSms, TopUp
from hookline.errors import AccountNotFoundError, AccountSettingsError
from hookline.outcomes import Call
from hookline.providers.zoom_connect.rest import SENDING, ZoomConnectSettings, check, plan, read_account, size
from tests.cases import Case, table
from tests.providers.zoom_connect.sending import (
    API_TOKEN,
    AUTHS,
    EMAIL,
    ENCODINGS,
    account,
    get_balance,
    send_sms,
    sends,
)
from tests.redaction import kinds_in
from tests.samples import ACCOUNT, MEXICAN_NUMBER, NOW, NUMBER, OTHER_NUMBER, OTHER_TEXT, TEXT

BASE = "https://www.zoomconnect.com/app/api/rest/v1"
TOKEN_1 = "C6_iIVbSaYwUO4YEBEbTZu"
MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
"""Noon in Johannesburg."""

# --- settings --------------------------------------------------------------------------------------------------------

GOOD_SETTINGS: tuple[Case[dict[str, Any], ZoomConnectSettings | None], ...] = (
    Case("none", {}, ZoomConnectSettings()),
    Case("the older address", {"base_url": "https://zoomconnect.com/zoom/api/rest/v1"}, None),
    Case("a slash at the end", {"base_url": f"{BASE}/"}, ZoomConnectSettings()),
    Case("plain HTTP to this machine", {"base_url": "http://127.0.0.1:8090/app/api/rest/v1"}, None),
    Case("by name", {"base_url": "http://localhost:8090"}, None),
    Case("basic", {"auth": "basic"}, None),
    Case("xml", {"encoding": "xml"}, None),
    Case("a batch of one", {"max_batch": 1}, None),
    Case("a zone", {"timezone": "Europe/Berlin"}, ZoomConnectSettings(timezone=ZoneInfo("Europe/Berlin"))),
    Case("no zone", {"timezone": None}, ZoomConnectSettings()),
    Case("the shared ones", {"max_per_second": 5, "max_segments": 3, "on_unknown": "resend"}, None),
    Case("what is about receiving", {"clock_skew": 10, "canonical_form": "php"}, ZoomConnectSettings()),
)

BAD_SETTINGS = (
    Case("plain HTTP", {"base_url": "http://www.zoomconnect.com/app/api/rest/v1"}, "settings.base_url"),
    Case("a user in the address", {"base_url": "https://me:secret@www.zoomconnect.com"}, "settings.base_url"),
    Case("a query", {"base_url": f"{BASE}?token=secret"}, "settings.base_url"),
    Case("a fragment", {"base_url": f"{BASE}#top"}, "settings.base_url"),
    Case("no host", {"base_url": "https:///app"}, "settings.base_url"),
    Case("no scheme", {"base_url": "www.zoomconnect.com/app"}, "settings.base_url"),
    Case("another scheme", {"base_url": "ftp://www.zoomconnect.com/app"}, "settings.base_url"),
    Case("a port that is none", {"base_url": "https://www.zoomconnect.com:port/app"}, "settings.base_url"),
    Case("a blank", {"base_url": "https://www.zoomconnect.com/a b"}, "settings.base_url"),
    Case("a line feed", {"base_url": f"{BASE}/\nx"}, "settings.base_url"),
    Case("half a bracket", {"base_url": "https://[::1/app"}, "settings.base_url"),
    Case("a number", {"base_url": 1}, "settings.base_url"),
    Case("another way", {"auth": "cookie"}, "settings.auth"),
    Case("no way", {"auth": None}, "settings.auth"),
    Case("another encoding", {"encoding": "soap"}, "settings.encoding"),
    Case("capitals", {"encoding": "JSON"}, "settings.encoding"),
    Case("an empty batch", {"max_batch": 0}, "settings.max_batch"),
    Case("a huge batch", {"max_batch": 1001}, "settings.max_batch"),
    Case("a batch in text", {"max_batch": "100"}, "settings.max_batch"),
    Case("a batch of true", {"max_batch": True}, "settings.max_batch"),
    Case("a zone that there is not", {"timezone": "Africa/Atlantis"}, "settings.timezone"),
    Case("a folder for a zone", {"timezone": "Africa"}, "settings.timezone"),
    Case("a path for a zone", {"timezone": "../../etc/passwd"}, "settings.timezone"),
    Case("a number for a zone", {"timezone": 2}, "settings.timezone"),
    Case("no pace", {"max_per_second": 0}, "settings.max_per_second"),
    Case("a pace in text", {"max_per_second": "10"}, "settings.max_per_second"),
    Case("no segments", {"max_segments": 0}, "settings.max_segments"),
    Case("another word", {"on_unknown": "retry"}, "settings.on_unknown"),
)


@table("case", GOOD_SETTINGS)
def test_a_good_setting_is_read(case: Case[dict[str, Any], ZoomConnectSettings | None]) -> None:
    read = account(**case.given).settings
    if case.expected is not None:
        assert read == case.expected
    else:
        assert {name: getattr(read, name) for name in case.given} == case.given


@table("case", BAD_SETTINGS)
def test_a_bad_setting_is_refused_by_name_and_its_value_is_not_repeated(case: Case[dict[str, Any], str]) -> None:
    with pytest.raises(AccountSettingsError) as caught:
        account(**case.given)
    assert caught.value.field == case.expected
    (value,) = case.given.values()
    if isinstance(value, str) and len(value) > 5:
        assert value not in str(caught.value)


def test_the_defaults_are_those_of_the_providers_page() -> None:
    assert ZoomConnectSettings().model_dump() == {
        "max_per_second": 10.0,
        "max_segments": 10,
        "on_unknown": "hold",
        "base_url": BASE,
        "auth": "headers",
        "encoding": "json",
        "max_batch": 100,
        "timezone": ZoneInfo("Africa/Johannesburg"),
    }


def test_every_setting_has_good_and_bad_cases_and_a_description() -> None:
    assert {name for case in BAD_SETTINGS for name in case.given} == SENDING.setting_names
    assert {name for case in GOOD_SETTINGS for name in case.given} >= SENDING.setting_names
    assert all(field.description for field in ZoomConnectSettings.model_fields.values())


@pytest.mark.parametrize("field", ["email", "token"])
@pytest.mark.parametrize("value", [None, "", 7, "päßword-which-is-long", "line\nfeed", " blank", "blank ", "a\x7f"])
def test_a_credential_that_no_header_can_carry_is_refused_by_name(field: str, value: object) -> None:
    credentials = {"email": EMAIL, "token": API_TOKEN, field: value}
    with pytest.raises(AccountSettingsError) as caught:
        read_account(ACCOUNT, {"provider": "zoom_connect", "credentials": credentials})
    assert caught.value.field == f"credentials.{field}"
    assert API_TOKEN not in str(caught.value)


@pytest.mark.parametrize("credentials", [None, [], "email", ["email", "token"], {}])
def test_credentials_that_are_none_are_refused(credentials: object) -> None:
    with pytest.raises(AccountSettingsError) as caught:
        read_account(ACCOUNT, {"provider": "zoom_connect", "credentials": credentials})
    assert caught.value.field == "credentials.email"


def test_an_account_of_another_provider_is_not_found() -> None:
    with pytest.raises(AccountNotFoundError):
        read_account(ACCOUNT, {"provider": "zorya", "credentials": {"email": EMAIL, "token": API_TOKEN}})


# --- what is refused before a call -----------------------------------------------------------------------------------


class Refusal(NamedTuple):
    field: str
    says: str


XML = {"encoding": "xml"}
type Given = tuple[dict[str, Any], dict[str, Any]]
"""What is different about the command, and the account's settings."""

CHECKS: tuple[Case[Given, Refusal], ...] = (
    Case("no country code", ({"to": "0825550142"}, {}), Refusal("to", "no valid phone number")),
    Case("a short code", ({"to": "31022"}, {}), Refusal("to", "no valid phone number")),
    Case("a digit short, from the document", ({"to": "2772553456"}, {}), Refusal("to", "no valid phone number")),
    Case("a range nobody has", ({"to": "+27990000000"}, {}), Refusal("to", "no valid phone number")),
    Case("letters", ({"to": "+1800FLOWERS"}, {}), Refusal("to", "no valid phone number")),
    Case("two numbers", ({"to": f"+{NUMBER},+{NUMBER}"}, {}), Refusal("to", "no valid phone number")),
    Case("an empty number", ({"to": ""}, {}), Refusal("to", "no valid phone number")),
    Case("an empty text", ({"text": ""}, {}), Refusal("text", "is empty")),
    Case("a text of blanks", ({"text": " \n\t"}, {}), Refusal("text", "is empty")),
    Case(
        "11 segments of 10",
        ({"text": "a" * 1531}, {}),
        Refusal("text", "takes 11 segments (gsm-7); the account allows 10"),
    ),
    Case(
        "2 segments of 1",
        ({"text": "ж" * 71}, {"max_segments": 1}),
        Refusal("text", "takes 2 segments (ucs-2); the account allows 1"),
    ),
    Case("a form feed in XML", ({"text": "a\fb"}, XML), Refusal("text", "XML has no place")),
    Case("a NUL in XML", ({"text": "a\0b"}, XML), Refusal("text", "XML has no place")),
    Case("a non-character in XML", ({"campaign": "a\uffffb"}, XML), Refusal("campaign", "XML has no place")),
    Case("a sender", ({"sender": "ACME"}, {}), Refusal("sender", "numbers of its own")),
    Case("flash", ({"flash": True}, {}), Refusal("flash", "no flash messages")),
    Case("a moment ago", ({"send_at": "2026-11-22T07:59:59Z"}, {}), Refusal("send_at", "not in the future")),
    Case("now", ({"send_at": "2026-11-22T10:00:00+02:00"}, {}), Refusal("send_at", "not in the future")),
    Case("the year 2062", ({"send_at": "2062-11-22T10:00:00Z"}, {}), Refusal("send_at", "more than a year")),
    Case("the last year of all", ({"send_at": "9999-12-31T23:59:59Z"}, {}), Refusal("send_at", "more than a year")),
    Case("all at once", ({"to": "1", "text": "", "flash": True}, {}), Refusal("to", "no valid phone number")),
    Case("all but the number", ({"text": "", "sender": "x", "flash": True}, {}), Refusal("text", "is empty")),
    Case("sender and flash", ({"sender": "x", "flash": True}, {}), Refusal("sender", "numbers of its own")),
)


@table("case", CHECKS)
def test_what_the_provider_could_not_do_is_refused_by_its_first_wrong_field(
    case: Case[Given, Refusal],
) -> None:
    overrides, settings = case.given
    with pytest.raises(Rejection) as caught:
        check(send_sms(**overrides), account(**settings), NOW)
    assert caught.value.field == case.expected.field
    assert case.expected.says in caught.value.problem


TAKEN: tuple[Case[dict[str, Any], str], ...] = (
    Case("as it is", {}, f"+{NUMBER}"),
    Case("without +", {"to": NUMBER}, f"+{NUMBER}"),
    Case("with blanks", {"to": " +27 82 555 0142 "}, f"+{NUMBER}"),
    Case("with signs", {"to": "+27 (82) 555-0142"}, f"+{NUMBER}"),
    Case("of another country", {"to": f"+{MEXICAN_NUMBER}"}, f"+{MEXICAN_NUMBER}"),
    Case("10 segments", {"text": "a" * 1530}, f"+{NUMBER}"),
    Case("a form feed in JSON", {"text": "a\fb"}, f"+{NUMBER}"),
    Case("a campaign", {"campaign": "shoes & boots"}, f"+{NUMBER}"),
    Case("in a second", {"send_at": "2026-11-22T10:00:01+02:00"}, f"+{NUMBER}"),
    Case("in a year", {"send_at": "2027-11-22T10:00:00+02:00"}, f"+{NUMBER}"),
)


@table("case", TAKEN)
def test_a_command_that_can_be_done_changes_only_in_how_its_number_is_written(case: Case[dict[str, Any], str]) -> None:
    command = send_sms(**case.given)
    checked = check(command, account(), NOW)
    assert checked == command.model_copy(update={"to": case.expected})
    assert check(checked, account(), NOW) == checked


def test_a_question_passes() -> None:
    assert check(get_balance(), account(), NOW) == get_balance()


def test_a_message_takes_its_segments_of_the_pace_and_a_question_one() -> None:
    assert size(send_sms(text="a" * 161)) == 2
    assert size(send_sms(text="ж" * 70)) == 1
    assert size(get_balance()) == 1


# --- requests --------------------------------------------------------------------------------------------------------

FULL: dict[str, Any] = {"campaign": "shoes & boots", "send_at": NOON, "text": TEXT}
FULL_FIELDS = {
    "recipientNumber": NUMBER,
    "message": TEXT,
    "campaign": "shoes & boots",
    "dataField": TOKEN_1,
    "dateToSend": "202612011200",
}
PLAIN_FIELDS = {"recipientNumber": NUMBER, "message": TEXT, "dataField": TOKEN_1}

type Fields = dict[str, str]


class Request(NamedTuple):
    """A call as the provider reads it."""

    method: str
    path: str
    content_type: str | None
    accept: str | None
    messages: list[Fields]


def call_of(**settings: Any) -> Call:
    (planned,) = plan([send_sms(**FULL)], account(**settings))
    return planned.call


def request_of(call: Call) -> Request:
    assert call.url.startswith(BASE)
    content_type = call.headers.get("content-type")
    return Request(
        call.method,
        urlsplit(call.url).path.removeprefix("/app/api/rest/v1"),
        content_type,
        call.headers.get("accept"),
        messages_of(call.content, content_type),
    )


def messages_of(content: bytes, content_type: str | None) -> list[Fields]:
    match (content_type or "").split(";")[0]:
        case "application/json":
            document = json.loads(content)
            return list(document.get("sendSmsRequests", [document]))
        case "application/xml":
            root = fromstring(content)
            requests = list(root) if root.tag == "sendSmsRequests" else [root]
            assert {request.tag for request in requests} == {"sendSmsRequest"}
            return [{field.tag: field.text or "" for field in request} for request in requests]
        case "application/x-www-form-urlencoded":
            return [dict(parse_qsl(content.decode(), strict_parsing=True))]
    assert content == b""
    return []


JSON_TYPE, XML_TYPE = "application/json; charset=UTF-8", "application/xml; charset=UTF-8"
FORM_TYPE = "application/x-www-form-urlencoded; charset=UTF-8"
REQUESTS = (
    Case(
        "one in JSON",
        ("json", [send_sms()]),
        Request("POST", "/sms/send.json", JSON_TYPE, "application/json", [PLAIN_FIELDS]),
    ),
    Case(
        "one in JSON with everything",
        ("json", [send_sms(**FULL)]),
        Request("POST", "/sms/send.json", JSON_TYPE, "application/json", [FULL_FIELDS]),
    ),
    Case(
        "two in JSON",
        ("json", [send_sms(), send_sms(**FULL)]),
        Request("POST", "/sms/send-bulk.json", JSON_TYPE, "application/json", [PLAIN_FIELDS, FULL_FIELDS]),
    ),
    Case(
        "one in XML",
        ("xml", [send_sms()]),
        Request("POST", "/sms/send.xml", XML_TYPE, "application/xml", [PLAIN_FIELDS]),
    ),
    Case(
        "one in XML with everything",
        ("xml", [send_sms(**FULL)]),
        Request("POST", "/sms/send.xml", XML_TYPE, "application/xml", [FULL_FIELDS]),
    ),
    Case(
        "two in XML",
        ("xml", [send_sms(), send_sms(**FULL)]),
        Request("POST", "/sms/send-bulk.xml", XML_TYPE, "application/xml", [PLAIN_FIELDS, FULL_FIELDS]),
    ),
    Case(
        "one in parameters",
        ("url-parameters", [send_sms()]),
        Request("POST", "/sms/send-url-parameters", FORM_TYPE, None, [PLAIN_FIELDS]),
    ),
    Case(
        "one in parameters with everything",
        ("url-parameters", [send_sms(**FULL)]),
        Request("POST", "/sms/send-url-parameters", FORM_TYPE, None, [FULL_FIELDS]),
    ),
    Case(
        "an empty campaign is none",
        ("json", [send_sms(campaign="")]),
        Request("POST", "/sms/send.json", JSON_TYPE, "application/json", [PLAIN_FIELDS]),
    ),
    Case(
        "balance in JSON",
        ("json", [get_balance()]),
        Request("GET", "/account/balance.json", None, "application/json", []),
    ),
    Case(
        "balance in XML", ("xml", [get_balance()]), Request("GET", "/account/balance.xml", None, "application/xml", [])
    ),
    Case(
        "balance beside parameters",
        ("url-parameters", [get_balance()]),
        Request("GET", "/account/balance.json", None, "application/json", []),
    ),
)


@pytest.mark.parametrize("auth", AUTHS)
@table("case", REQUESTS)
def test_commands_become_requests(case: Case[tuple[str, list[Any]], Request], auth: str) -> None:
    encoding, commands = case.given
    (planned,) = plan(commands, account(encoding=encoding, auth=auth))
    assert planned.commands == tuple(commands)
    assert planned.call.size == len(commands)
    assert request_of(planned.call) == case.expected


def test_the_documents_own_example_is_what_we_send() -> None:
    """The page "JSON" of "Sending an SMS": its names, a number without +, and everything as text."""
    (planned,) = plan([send_sms(to="+27725551234", text="testing", campaign="Campaign1")], account())
    assert planned.call.content.decode() == (
        '{"recipientNumber":"27725551234","message":"testing","campaign":"Campaign1",'
        f'"dataField":"{send_sms().token}"}}'
    )


def test_the_bulk_example_of_the_document_is_mended_in_xml() -> None:
    messages = [send_sms(1, to="+27725551234", text="Message 1."), send_sms(2, to="+27725553456", text="Message 2.")]
    (planned,) = plan(messages, account(encoding="xml"))
    items = "".join(
        f"<sendSmsRequest><recipientNumber>{message.to[1:]}</recipientNumber><message>{message.text}</message>"
        f"<dataField>{message.token}</dataField></sendSmsRequest>"
        for message in messages
    )
    assert planned.call.content.decode() == (
        f"<?xml version='1.0' encoding='utf-8'?>\n<sendSmsRequests>{items}</sendSmsRequests>"
    )


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_credentials_in_headers(encoding: str) -> None:
    call = call_of(encoding=encoding)
    assert (call.headers["email"], call.headers["token"]) == (EMAIL, API_TOKEN)
    assert "authorization" not in call.headers
    assert urlsplit(call.url).query == ""


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_credentials_as_basic_authentication(encoding: str) -> None:
    call = call_of(encoding=encoding, auth="basic")
    scheme, _, pair = call.headers["authorization"].partition(" ")
    assert (scheme, base64.b64decode(pair).decode()) == ("Basic", f"{EMAIL}:{API_TOKEN}")
    assert not {"email", "token"} & call.headers.keys()
    assert urlsplit(call.url).query == ""


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_credentials_in_the_query_as_for_tests(encoding: str) -> None:
    call = call_of(encoding=encoding, auth="query")
    assert parse_qs(urlsplit(call.url).query, strict_parsing=True) == {"email": [EMAIL], "token": [API_TOKEN]}
    assert not {"email", "token", "authorization"} & call.headers.keys()


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("auth", AUTHS)
def test_neither_number_nor_text_stands_in_a_url_and_no_credential_in_a_body(encoding: str, auth: str) -> None:
    call = call_of(encoding=encoding, auth=auth)
    written = unquote_plus(call.url), unquote_plus(call.content.decode("ascii", "ignore"))
    assert NUMBER not in written[0]
    assert TEXT[:20] not in written[0]
    assert NUMBER in written[1]
    assert EMAIL not in written[1]
    assert API_TOKEN not in written[1]


@pytest.mark.parametrize("auth", AUTHS)
def test_what_is_printed_of_a_call_shows_nothing_that_is_secret_or_private(auth: str) -> None:
    planned = plan([send_sms(), send_sms(2)], account(auth=auth))
    shown = f"{planned!r} {planned[0].call} {account(auth=auth)!r} {send_sms()} {send_sms()!r} {planned[0].call!s}"
    assert kinds_in(shown) == set()
    assert TEXT[:20] not in shown
    assert re.fullmatch(r"Call\(POST, 2 commands, \d+ bytes\)", repr(planned[0].call))


@pytest.mark.parametrize("encoding", ["json", "xml"])
@pytest.mark.parametrize(
    ("count", "sizes"), [(0, []), (1, [1]), (2, [2]), (3, [3]), (4, [3, 1]), (6, [3, 3]), (7, [3, 3, 1])]
)
def test_messages_go_together_up_to_max_batch(encoding: str, count: int, sizes: list[int]) -> None:
    planned = plan(sends(count), account(encoding=encoding, max_batch=3))
    assert [each.call.size for each in planned] == sizes
    assert [command for each in planned for command in each.commands] == sends(count)
    assert [("bulk" in each.call.url) for each in planned] == [size > 1 for size in sizes]
    fields = [messages_of(each.call.content, each.call.headers["content-type"]) for each in planned]
    assert [field["dataField"] for part in fields for field in part] == [command.token for command in sends(count)]


def test_parameters_carry_one_message_a_call() -> None:
    planned = plan(sends(3), account(encoding="url-parameters"))
    assert [each.call.size for each in planned] == [1, 1, 1]


def test_questions_do_not_travel_with_messages() -> None:
    mixed = [send_sms(1), get_balance(), send_sms(2), get_balance(id="balance-2")]
    planned = plan(mixed, account())
    assert [[command.id for command in each.commands] for each in planned] == [
        ["order-1", "order-2"],
        ["balance-1"],
        ["balance-2"],
    ]


def test_our_token_is_short_enough_for_the_field_and_belongs_to_the_id() -> None:
    tokens = {send_sms(number).token for number in range(1000)}
    assert len(tokens) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", token) for token in tokens)
    assert send_sms().token == TOKEN_1


# --- an independent witness ------------------------------------------------------------------------------------------


class Sdk(Client):  # type: ignore[misc]  # it has no types
    """The provider's own Python client, stopped before its request."""

    def __init__(self) -> None:
        super().__init__(api_token=API_TOKEN, account_email=EMAIL)
        self.asked: list[tuple[str, str, Any]] = []

    def do(self, method: str, path: str, req: Any = None, **_: Any) -> None:
        self.asked.append((method, self.make_url(path, None), req))


def test_the_providers_own_client_says_the_same() -> None:
    """It leaves the paths' suffixes to headers, says null for what is not there, and puts credentials into the URL."""
    date = FULL_FIELDS["dateToSend"]
    sdk = Sdk()
    sdk.get_account_balance()
    sdk.send_sms(NUMBER, TEXT, FULL["campaign"], date, TOKEN_1)
    sdk.send_sms_bulk([NUMBER, OTHER_NUMBER], TEXT, FULL["campaign"], date)
    ours = [
        plan(commands, account(auth="query"))[0].call
        for commands in ([get_balance()], [send_sms(**FULL)], [send_sms(**FULL), send_sms(2, **FULL)])
    ]
    for (method, url, body), call in zip(sdk.asked, ours, strict=True):
        theirs, mine = urlsplit(url), urlsplit(call.url)
        assert method == call.method
        assert (theirs.scheme, theirs.netloc, f"{theirs.path}.json") == (mine.scheme, mine.netloc, mine.path)
        assert parse_qs(theirs.query).keys() == parse_qs(mine.query).keys()
        if body is not None:
            assert names_in(body) - {"defaultDateToSend", "messagesPerMinute"} == names_in(json.loads(call.content))
    assert sdk.asked[1][2] == json.loads(ours[1].content)


def names_in(document: Any) -> set[str]:
    match document:
        case dict():
            return set(document) | set().union(*map(names_in, document.values()))
        case list():
            return set().union(*map(names_in, document))
    return set()


# --- dates -----------------------------------------------------------------------------------------------------------

DATES = (
    Case("on the minute", (NOON, "Africa/Johannesburg"), "202612011200"),
    Case("a moment into the minute", (NOON + timedelta(microseconds=1), "Africa/Johannesburg"), "202612011201"),
    Case("into the minute", (NOON + timedelta(seconds=59), "Africa/Johannesburg"), "202612011201"),
    Case("over midnight", (datetime(2026, 12, 31, 21, 59, 30, tzinfo=UTC), "Africa/Johannesburg"), "202701010000"),
    Case("in another zone", (NOON, "Europe/Berlin"), "202612011100"),
    Case("in a zone's summer", (datetime(2027, 7, 1, 10, 0, tzinfo=UTC), "Europe/Berlin"), "202707011200"),
    Case("a zone with half an hour", (NOON, "Asia/Kolkata"), "202612011530"),
)


@table("case", DATES)
def test_a_moment_is_written_in_the_accounts_zone_and_never_before_its_time(
    case: Case[tuple[datetime, str], str],
) -> None:
    moment, zone = case.given
    (planned,) = plan([send_sms(send_at=moment)], account(timezone=zone))
    assert json.loads(planned.call.content)["dateToSend"] == case.expected


@given(st.datetimes(datetime(2026, 1, 1), datetime(2090, 1, 1), timezones=st.timezones()))  # noqa: DTZ001  # drawn apart
def test_a_message_is_asked_for_within_the_minute_after_its_moment(moment: datetime) -> None:
    (planned,) = plan([send_sms(send_at=moment)], account())
    written = json.loads(planned.call.content)["dateToSend"]
    there = datetime.strptime(written, "%Y%m%d%H%M").replace(tzinfo=ZoneInfo("Africa/Johannesburg"))
    assert timedelta(0) <= there - moment.astimezone(UTC) < MINUTE


# --- texts -----------------------------------------------------------------------------------------------------------

XML_TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="\ufffe\uffff", exclude_categories=("Cs", "Cc"))
    | st.sampled_from("\t\n\r&<>'\"]€"),
    max_size=40,
)


@given(message=XML_TEXT, campaign=XML_TEXT)
def test_every_text_arrives_as_it_was_in_every_encoding(message: str, campaign: str) -> None:
    commands = [send_sms(text=message, campaign=campaign), send_sms(2, text=OTHER_TEXT, to=f"+{OTHER_NUMBER}")]
    for encoding in ENCODINGS:
        calls = [planned.call for planned in plan(commands, account(encoding=encoding))]
        arrived = [
            fields for call in calls for fields in read_plainly(call.content, call.headers["content-type"], encoding)
        ]
        assert [fields["message"] for fields in arrived] == [message, OTHER_TEXT]
        assert arrived[0].get("campaign", "") == campaign


def read_plainly(content: bytes, content_type: str, encoding: str) -> list[Fields]:
    if encoding == "url-parameters":
        return [dict(parse_qsl(content.decode(), keep_blank_values=True))]
    return messages_of(content, content_type)


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=10))
def test_a_text_is_refused_for_xml_exactly_where_no_xml_can_carry_it(text: str) -> None:
    command = send_sms(text=f"x{text}")
    (planned,) = plan([command], account(encoding="xml"))
    try:
        (arrived,) = messages_of(planned.call.content, "application/xml")
    except SyntaxError:
        arrived = {}
    if arrived.get("message") == command.text:
        assert check(command, account(encoding="xml"), NOW) == command
    else:
        with pytest.raises(Rejection, match="text: has a character"):
            check(command, account(encoding="xml"), NOW)


def test_json_and_xml_are_safe_from_a_texts_own_markup() -> None:
    text = '</message><recipientNumber>1</recipientNumber>","recipientNumber":"1&recipientNumber=1'
    for encoding in ENCODINGS:
        (planned,) = plan([send_sms(text=text)], account(encoding=encoding))
        (fields,) = messages_of(planned.call.content, planned.call.headers["content-type"])
        assert fields == {"recipientNumber": NUMBER, "message": text, "dataField": TOKEN_1}


# --- what the provider says of itself --------------------------------------------------------------------------------


def test_it_does_sends_and_balances_and_nothing_else() -> None:
    assert SENDING.name == "zoom_connect"
    assert SENDING.kinds == {"send_sms", "get_balance"}
    assert TopUp.kind not in SENDING.kinds
    assert SendSms.kind in SENDING.kinds
    assert SENDING.native_schedule
    assert SENDING.log_in is None
