"""From an HTTP API event to a request, and from a verdict to an answer; the rest is in the conformance suite."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest

from hookline.accounts import Accounts
from hookline.callbacks import (
    CallbackProvider,
    Reason,
    ReceivingAccount,
    Refused,
    Request,
    Verdict,
    Verified,
    Warned,
)
from hookline.journal import Written
from hookline.receive import Receiver, read_request
from tests.cases import Case, table
from tests.doubles import Clock, Noted, always
from tests.http_api import JSON, http_event, load, with_body
from tests.samples import NOW, SECRET

ROUTE = "POST /toy/{account}/reply"
MINIMAL = {"version": "2.0", "routeKey": ROUTE, "rawQueryString": "a=1", "isBase64Encoded": False}
EMPTY = Request(b"", b"", {}, {}, "")

REQUESTS: tuple[Case[dict[str, Any], Request], ...] = (
    Case("a query string", MINIMAL, EMPTY._replace(query=b"a=1", route="/toy/{account}/reply")),
    Case("a query string as it travelled", {"rawQueryString": "&a=%2a+b&a"}, EMPTY._replace(query=b"&a=%2a+b&a")),
    Case("a body in text", {"body": "a=ü"}, EMPTY._replace(body="a=ü".encode())),
    Case("a body in base64", {"body": "/w==", "isBase64Encoded": True}, EMPTY._replace(body=b"\xff")),
    Case("an empty body in base64", {"body": "", "isBase64Encoded": True}, EMPTY),
    Case("nothing at all", {}, EMPTY),
    Case("nothing but null", dict.fromkeys(MINIMAL), EMPTY),
    Case("a route of no path", {"routeKey": "$default"}, EMPTY),
    Case("a body with half of a surrogate pair", {"body": "\ud800"}, EMPTY._replace(body=b"\xed\xa0\x80")),
    Case(
        "headers and path parameters",
        {"headers": {"a": "1"}, "pathParameters": {"account": "é"}},
        EMPTY._replace(headers={"a": "1"}, path={"account": "é"}),
    ),
)


@table("case", REQUESTS)
def test_an_event_is_read_into_what_came_over_the_wire(case: Case[dict[str, Any], Request]) -> None:
    assert read_request(case.given) == case.expected


NO_EVENTS: tuple[Case[dict[str, Any], str], ...] = (
    Case("a body that is an object", {"body": {"a": 1}}, "no event"),
    Case("a query string that is a list", {"rawQueryString": ["a=1"]}, "no event"),
    Case("a route that is a number", {"routeKey": 7}, "no event"),
    Case("headers that are a text", {"headers": "a: 1"}, "no event"),
    Case("a header of several values", {"headers": {"a": ["1", "2"]}}, "no event"),
    Case("path parameters that are a list", {"pathParameters": ["acme-za"]}, "no event"),
    Case("an account that is an object", {"pathParameters": {"account": {}}}, "no event"),
    Case("base64 of a wrong length", {"body": "abc", "isBase64Encoded": True}, "base64"),
    Case("base64 with blanks", {"body": "YW Jj", "isBase64Encoded": True}, "base64"),
    Case("base64url", {"body": "_-_-", "isBase64Encoded": True}, "base64"),
    Case("base64 with letters that are not ASCII", {"body": "é", "isBase64Encoded": True}, "base64"),
)


@table("case", NO_EVENTS)
def test_what_can_be_no_event_of_an_http_api_is_refused_in_words(case: Case[dict[str, Any], str]) -> None:
    refused = read_request(case.given)
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.MALFORMED
    assert case.expected in refused.detail


# --- answers ---------------------------------------------------------------------------------------------------------


class Kept:
    """A journal in memory that says what it is told to say."""

    def __init__(self, written: Written = Written.STORED) -> None:
        self.written = written
        self.asked: list[dict[str, Any]] = []

    def store_callback(self, verified: Verified, **arguments: Any) -> Written:
        self.asked.append({"verified": verified, **arguments})
        return self.written


def toy(verdict: Verdict) -> CallbackProvider:
    return CallbackProvider(
        name="toy",
        routes={"/toy/{account}/reply": "reply"},
        read_settings=dict,
        setting_names=frozenset(),
        verify=always(verdict),
        acknowledgement='{"ack": 1}',
        normaliser_settings=lambda settings: {"kept": settings["kept"]},
        replay_window=lambda settings: int(settings["window"]),
    )


ACCOUNT = ReceivingAccount("acme-za", (SECRET.encode(),), {"kept": "yes", "window": 7})
GOOD = Verified("reply", "id-1", "a=1", "print")
EVENT = http_event(ROUTE, {"account": "acme-za"}, body=b"{}", content_type=JSON)


def received(
    verdict: Verdict, journal: Kept | None = None, event: Mapping[str, Any] = EVENT
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Let a receiver whose provider gives this verdict answer an event; return the answer and the telemetry."""
    accounts: Accounts[ReceivingAccount] = Accounts(always({}), always(ACCOUNT), Clock())
    telemetry = Noted()
    receiver = Receiver(toy(verdict), accounts, journal or Kept(), telemetry, Clock())  # type: ignore[arg-type]
    return receiver(event), telemetry.lines


ANSWERS = (
    Case("malformed", Refused(Reason.MALFORMED, "no sense"), (400, {"error": "no sense"})),
    Case("too large", Refused(Reason.TOO_LARGE, "too much"), (413, {"error": "too much"})),
    Case("signature", Refused(Reason.SIGNATURE, "x"), (401, {"error": "unauthorised"})),
    Case("expired", Refused(Reason.EXPIRED, "x"), (401, {"error": "unauthorised"})),
    Case("too far ahead", Refused(Reason.TOO_FAR_AHEAD, "x"), (401, {"error": "unauthorised"})),
    Case("another address", Refused(Reason.MISMATCH, "x"), (401, {"error": "unauthorised"})),
    Case("verified", GOOD, (200, {"ack": 1})),
)


@table("case", ANSWERS)
def test_a_verdict_has_its_answer_and_its_line(case: Case[Verdict, tuple[int, dict[str, Any]]]) -> None:
    answer, lines = received(case.given)
    assert (answer["statusCode"], json.loads(answer["body"])) == case.expected
    assert answer["headers"] == {"content-type": "application/json"}
    assert lines == [
        {
            "name": "callbacks",
            "amount": 1,
            "provider": "toy",
            "result": "stored" if isinstance(case.given, Verified) else case.given.reason.value,
            "account": "acme-za",
            "detail": None if isinstance(case.given, Verified) else case.given.detail,
            "request_id": EVENT["requestContext"]["requestId"],
        }
    ]


def test_every_reason_has_an_answer() -> None:
    assert {case.given.reason for case in ANSWERS if isinstance(case.given, Refused)} == set(Reason)


WRITTEN = (
    Case("stored", Written.STORED, (200, "stored")),
    Case("repeated", Written.REPEATED, (200, "repeated")),
    Case("conflict", Written.CONFLICT, (409, "conflict")),
)


@table("case", WRITTEN)
def test_what_became_of_the_write_decides_the_answer(case: Case[Written, tuple[int, str]]) -> None:
    answer, lines = received(GOOD, Kept(case.given))
    assert (answer["statusCode"], lines[-1]["result"]) == case.expected


def test_what_is_kept_is_what_the_provider_says_to_keep() -> None:
    journal = Kept()
    received(GOOD, journal)
    assert journal.asked == [
        {
            "verified": GOOD,
            "provider": "toy",
            "account": "acme-za",
            "settings": {"kept": "yes"},
            "replay_window": 7,
            "now": NOW,
        }
    ]


def test_what_is_amiss_with_a_callback_that_is_taken_is_counted() -> None:
    _, lines = received(GOOD._replace(warnings=(Warned.SHORT_SECRET, Warned.UNSIGNED)))
    assert [line.get("warning", line.get("result")) for line in lines] == ["short_secret", "unsigned", "stored"]


@pytest.mark.parametrize(
    "context",
    [None, {}, {"requestId": None}, {"requestId": 7}, [], "x"],
    ids=["none", "empty", "null", "number", "list", "text"],
)
def test_a_request_without_an_id_is_answered(context: object) -> None:
    answer, lines = received(GOOD, event={**EVENT, "requestContext": context})
    assert answer["statusCode"] == 200
    assert lines[-1]["request_id"] is None


@pytest.mark.parametrize("account", ["<script>", "a" * 100, {}, None], ids=["markup", "too long", "object", "null"])
def test_an_account_that_is_no_name_is_written_nowhere_and_never_stored(account: object) -> None:
    """Not even where the provider's verifier would take the request."""
    journal = Kept()
    answer, (line,) = received(GOOD, journal, {**EVENT, "pathParameters": {"account": account}})
    assert answer["statusCode"] in {400, 401}
    assert line["account"] is None
    assert journal.asked == []


def test_the_samples_body_is_the_same_in_base64_and_in_text() -> None:
    event = load("receive_zoom_connect", "delivery-report")
    assert event["isBase64Encoded"]
    in_text = {**event, "isBase64Encoded": False, "body": base64.b64decode(event["body"]).decode()}
    assert read_request(event) == read_request(in_text)
    assert read_request(with_body(event, b"\xff")) != read_request(in_text)
