"""From a signed request over HTTP to an event in a subscriber's queue, on the stack as it is deployed."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest

from hookline_cli.stack import Stack
from tests import http_api
from tests.cases import Case, table
from tests.http_api import FORM, JSON, Event
from tests.providers.zoom_connect.callbacks import Place, local_time
from tests.samples import NUMBER, TEXT, WRONG_SECRET
from tests.stack.inbox import Inbox, of_account, of_message
from tests.stack.provider import Answer, Provider, message_id, new_account, parameters, request

type Settle = Callable[[], None]

SOUTH_AFRICA = timezone(timedelta(hours=2))
UNAUTHORISED = {"error": "unauthorised"}


def without_checksum(event: Event) -> dict[str, str]:
    return {name: value for name, value in parameters(event).items() if name != "checksum"}


def occurred_at(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["detail"]["metadata"]["occurred_at"])


def dated_at(sent: Event) -> datetime:
    """Return the moment in the provider's `date`, which is in Johannesburg's time, to the minute."""
    return datetime.strptime(parameters(sent)["date"], "%Y%m%d%H%M").replace(tzinfo=SOUTH_AFRICA)


def check_envelope(event: dict[str, Any], type_: str, sent: Event, provider: Provider, since: datetime) -> None:
    """Check all of an event but its data and when it happened."""
    assert event["source"] == "hookline"
    assert event["detail-type"] == type_
    detail = event["detail"]
    assert detail.keys() == {"metadata", "data", "provider_data"}
    metadata = dict(detail["metadata"])
    assert str(UUID(metadata.pop("id")))
    assert metadata.pop("occurred_at")
    assert since <= datetime.fromisoformat(metadata.pop("recorded_at")) <= datetime.now(UTC)
    assert metadata == {
        "type": type_,
        "version": "1.0",
        "provider": "zoom_connect",
        "account": provider.account,
        "correlation": None,
    }
    assert detail["provider_data"] == without_checksum(sent)


def test_a_reply_becomes_an_event(provider: Provider, inbox: Inbox) -> None:
    since = datetime.now(UTC) - timedelta(milliseconds=1)
    reply = provider.callback("reply")
    answer = provider.post(reply)
    assert (answer.status, answer.body) == (200, "{}")
    [event] = inbox.wait(of_message(message_id(reply)))
    check_envelope(event, "sms.received", reply, provider, since)
    assert occurred_at(event) == dated_at(reply)
    assert event["detail"]["data"] == {
        "from": f"+{NUMBER}",
        "to": None,
        "message_id": message_id(reply),
        "text": TEXT,
        "text_complete": True,
        "in_reply_to": "5a757c7b7736b6c1d340a0db",
        "campaign": "shoe campaign",
        "reference": "order-4711",
    }


def test_a_delivery_report_becomes_an_event(provider: Provider, inbox: Inbox) -> None:
    since = datetime.now(UTC) - timedelta(milliseconds=1)
    report = provider.callback("delivery_report", status="FAILED_REFUNDED")
    assert provider.post(report).status == 200
    [event] = inbox.wait(of_message(message_id(report)))
    check_envelope(event, "sms.status_updated", report, provider, since)
    assert occurred_at(event) == dated_at(report)
    assert {name: value for name, value in event["detail"]["data"].items() if value is not None} == {
        "status": "failed",
        "final": True,
        "message_id": message_id(report),
        "to": f"+{NUMBER}",
        "provider_code": "FAILED_REFUNDED",
        "campaign": "shoe campaign",
        "reference": "order-4711",
    }


@pytest.mark.parametrize("place", ["query", "body", "both", "json"])
@pytest.mark.parametrize("kind", ["reply", "delivery_report"])
def test_parameters_are_taken_wherever_they_stand(provider: Provider, inbox: Inbox, kind: str, place: Place) -> None:
    callback = provider.callback(kind, place=place)
    assert provider.post(callback).status == 200
    [event] = inbox.wait(of_message(message_id(callback)))
    assert event["detail"]["provider_data"] == without_checksum(callback)


def test_what_is_signed_but_of_no_shape_we_know_is_kept_whole(provider: Provider, inbox: Inbox) -> None:
    since = datetime.now(UTC) - timedelta(milliseconds=1)
    odd = provider.callback("reply", message=None, colour="blue", empty="")
    assert provider.post(odd).status == 200
    [event] = inbox.wait(of_message(message_id(odd)))
    check_envelope(event, "callback.unrecognised", odd, provider, since)
    metadata = event["detail"]["metadata"]
    assert metadata["occurred_at"] == metadata["recorded_at"], "when it happened stands nowhere that is known"
    assert event["detail"]["data"] == {"kind": "reply", "problem": "a reply without message"}
    assert event["detail"]["provider_data"]["colour"] == "blue"
    assert event["detail"]["provider_data"]["empty"] == ""


def test_a_replay_is_answered_200_and_produces_nothing(provider: Provider, inbox: Inbox, settle: Settle) -> None:
    reply = provider.callback("reply")
    assert [provider.post(reply).status for _ in range(3)] == [200, 200, 200]
    settle()
    assert len(inbox.now(of_message(message_id(reply)))) == 1


def test_two_copies_at_one_instant_are_both_answered_200_and_produce_one_event(
    provider: Provider, inbox: Inbox, settle: Settle
) -> None:
    together = Barrier(2, timeout=120)

    def post(event: Event) -> int:
        together.wait()
        return provider.post(event).status

    replies = [provider.callback("reply") for _ in range(8)]
    with ThreadPoolExecutor(2) as threads:
        answers = [[*threads.map(post, [reply, reply])] for reply in replies]
    assert answers == [[200, 200]] * len(replies)
    settle()
    assert [len(inbox.now(of_message(message_id(reply)))) for reply in replies] == [1] * len(replies)


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def refusing(stack: Stack) -> Provider:
    """An account all of whose callbacks are refused."""
    return new_account(stack)


@pytest.fixture(scope="module", autouse=True)
def nothing_comes_of_what_is_refused(refusing: Provider, inbox: Inbox, settle: Settle) -> Iterator[None]:
    """Look after all the tests of this module, so that each need not wait for what does not come."""
    yield
    settle()
    assert inbox.now(of_account(refusing.account)) == []


def tampered(provider: Provider) -> Event:
    event = provider.callback("reply")
    return http_api.with_body(event, http_api.body_of(event).replace(b"order-4711", b"order-4712"))


def unsigned(provider: Provider) -> Event:
    event = provider.callback("reply")
    return http_api.with_body(event, http_api.body_of(event).rpartition(b"&checksum=")[0])


def dated(seconds: float) -> Callable[[Provider], Event]:
    return lambda provider: provider.callback("reply", nonce_date=local_time(time.time() + seconds))


REFUSED = [
    Case("tampered", tampered, 401),
    Case("unsigned", unsigned, 401),
    Case("signed with another secret", lambda provider: provider.callback("reply", secret=WRONG_SECRET), 401),
    Case("signed without one of its parameters", lambda provider: provider.callback(signed_as=provider.fields()), 401),
    Case("expired", dated(-60), 401),
    Case("too far ahead", dated(3600), 401),
]


@table("case", REFUSED)
def test_a_callback_that_is_not_good_is_refused_with_nothing_said(
    refusing: Provider, case: Case[Callable[[Provider], Event], int]
) -> None:
    answer = refusing.post(case.given(refusing))
    assert answer.status == case.expected
    assert answer.json() == UNAUTHORISED


def test_an_unknown_account_is_answered_as_a_bad_signature_is(stack: Stack, refusing: Provider) -> None:
    def said(answer: Answer) -> tuple[int, str, dict[str, str]]:
        own = {"date", "apigw-requestid"}
        return answer.status, answer.body, {name: of for name, of in answer.headers.items() if name not in own}

    nobody = Provider(stack, "nobody-za")
    assert said(nobody.post(nobody.callback())) == said(refusing.post(tampered(refusing)))
    assert said(nobody.post(nobody.callback()))[0] == 401


def test_a_nonce_date_of_16_digits_is_refused_by_name(refusing: Provider) -> None:
    answer = refusing.post(refusing.callback("reply", nonce_date="2014051610050102"))
    assert answer.status == 400
    assert answer.json() == {"error": "nonce-date must be 14 digits, yyyyMMddHHmmss; 16 bytes came"}


@table(
    "case",
    [
        Case("in the body", ("", "x" * 65_536), 413),
        Case("in the query string", ("x" * 20_000, "x" * 50_000), 413),
    ],
)
def test_more_than_64_kib_is_refused(refusing: Provider, case: Case[tuple[str, str], int]) -> None:
    query, body = case.given
    answer = refusing.post(
        http_api.http_event(
            "POST /zoom-connect/{account}/reply",
            {"account": refusing.account},
            query=f"a={query}" if query else "",
            body=f"b={body}".encode(),
        )
    )
    assert answer.status == case.expected
    assert "65536 bytes" in answer.json()["error"]


@table(
    "case",
    [
        Case("nothing", (FORM, b""), 401),
        Case("bytes that are no text", (FORM, b"\x00\xff\xfe"), 401),
        Case("separators", (FORM, b"&&&===%%"), 401),
        Case("half of a JSON object", (JSON, b"{"), 400),
        Case("JSON without end", (JSON, b"[" * 5000), 400),
        Case("a multipart form", ("multipart/form-data; boundary=x", b"--x--"), 400),
        Case("no content type", ("", b"\x00" * 5000), 401),
    ],
)
def test_garbage_is_refused_and_no_exception_escapes(refusing: Provider, case: Case[tuple[str, bytes], int]) -> None:
    content_type, body = case.given
    path = f"/zoom-connect/{refusing.account}/reply"
    answer = request(refusing.stack, "POST", path, body, {"content-type": content_type} if content_type else {})
    assert answer.status == case.expected
    assert answer.json().keys() == {"error"}


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_another_method_reaches_no_function(refusing: Provider, method: str) -> None:
    """The API has no such route, and says so itself."""
    answer = request(refusing.stack, method, f"/zoom-connect/{refusing.account}/reply")
    assert answer.status in {404, 405}
    assert "apigw-requestid" in answer.headers


def test_a_path_without_a_route_reaches_no_function(refusing: Provider) -> None:
    event = refusing.callback("reply")
    answer = refusing.post({**event, "rawPath": f"/zoom-connect/{refusing.account}/reply/more"})
    assert (answer.status, answer.json()) == (404, {"message": "Not Found"})


# --- CORS ------------------------------------------------------------------------------------------------------------

ORIGIN = {"origin": "https://console.example.com"}


def test_an_answer_to_an_origin_carries_cors_headers(provider: Provider, refusing: Provider) -> None:
    taken = provider.post(provider.callback("reply"), ORIGIN)
    refused = refusing.post(tampered(refusing), ORIGIN)
    assert (taken.status, refused.status) == (200, 401)
    assert taken.headers["access-control-allow-origin"] == "*"
    assert refused.headers["access-control-allow-origin"] == "*"


def test_a_preflight_is_answered_by_the_api(provider: Provider) -> None:
    asked = {**ORIGIN, "access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    answer = request(provider.stack, "OPTIONS", f"/zoom-connect/{provider.account}/reply", headers=asked)
    assert answer.status in {200, 204}
    assert answer.headers["access-control-allow-origin"] == "*"
    assert {name.strip() for name in answer.headers["access-control-allow-methods"].split(",")} == {"POST", "OPTIONS"}
    allowed = {name.strip() for name in answer.headers["access-control-allow-headers"].split(",")}
    assert allowed == {"content-type", "authorization"}
    assert answer.headers["access-control-max-age"] == "600"


def test_the_routes_on_the_emulator_are_those_of_the_template(stack: Stack) -> None:
    """The emulator does not import them: `hookline_cli.local` makes each, with the alias behind it."""
    api = stack.outputs["ApiId"]
    targets = {item["IntegrationId"]: item for item in stack.apis.get_integrations(ApiId=api)["Items"]}
    routes = {
        route["RouteKey"]: targets[route["Target"].removeprefix("integrations/")]["IntegrationUri"]
        for route in stack.apis.get_routes(ApiId=api)["Items"]
    }
    assert routes.keys() >= {f"POST /zoom-connect/{{account}}/{kind}" for kind in ("reply", "delivery-report")}
    assert {uri.rpartition(":")[2] for uri in routes.values()} == {"live"}
    assert json.dumps(routes).count("receive-zoom-connect:live") == 2
