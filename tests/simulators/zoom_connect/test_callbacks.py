"""The stand-in's callbacks over real HTTP, verified and read as Hookline does."""

import time
from contextlib import suppress
from datetime import datetime, timedelta

import httpx
import pytest

from hookline.providers.zoom_connect.normalise import normalise
from simulators.common import serve
from simulators.zoom_connect import CallbackSettings, Simulator
from simulators.zoom_connect.wire import ZONE
from tests.cases import Case, table
from tests.samples import SECRET
from tests.simulators.zoom_connect.stand_in import (
    BASES,
    HEADERS,
    MESSAGE_ID,
    PATIENCE_S,
    RECIPIENT,
    Endpoint,
    connect,
    fields_of,
    send,
    send_bulk,
    statuses_of,
    wait_until,
)


def test_delivery_reports_follow(api: httpx.Client, endpoint: Endpoint) -> None:
    message_id = send(api, dataField="t/1 &*~é", campaign="shoe campaign").json()["messageId"]

    arrived = endpoint.wait_for(2)

    reports = [fields_of(callback) for callback in arrived]
    assert [report["status"] for report in reports] == ["SENT", "DELIVERED"]
    assert len({report["nonce"] for report in reports}) == 2
    for callback, report in zip(arrived, reports, strict=True):
        assert callback.method == "POST"
        assert callback.path == "/zoom-connect/acme-za/delivery-report"
        assert callback.query.startswith(b"&")
        assert callback.body == b""
        assert report | {"status": "", "nonce": "", "nonce-date": "", "date": ""} == {
            "messageId": message_id,
            "from": RECIPIENT,
            "dataField": "t/1 &*~é",
            "campaign": "shoe campaign",
            "charset": "UTF-8",
            "status": "",
            "nonce": "",
            "nonce-date": "",
            "date": "",
        }


def test_what_was_not_said_does_not_come_back(api: httpx.Client, endpoint: Endpoint) -> None:
    send(api)

    for callback in endpoint.wait_for(2):
        assert fields_of(callback).keys().isdisjoint({"campaign", "dataField"})


def test_a_report_expires_in_five_minutes_of_south_african_time(api: httpx.Client, endpoint: Endpoint) -> None:
    send(api)

    report = fields_of(endpoint.wait_for(2)[0])

    now = datetime.now(ZONE)
    expiry = datetime.strptime(report["nonce-date"], "%Y%m%d%H%M%S").replace(tzinfo=ZONE)
    date = datetime.strptime(report["date"], "%Y%m%d%H%M").replace(tzinfo=ZONE)
    assert timedelta(minutes=4, seconds=50) < expiry - now <= timedelta(minutes=5)
    assert timedelta() <= now - date < timedelta(minutes=1, seconds=10)


@pytest.mark.parametrize(
    "how", [{"message": "Coming? Reply Please"}, {"simulate": "reply"}, {"recipientNumber": "27820990801"}]
)
def test_a_reply_comes_if_asked_for(api: httpx.Client, endpoint: Endpoint, how: dict[str, str]) -> None:
    message_id = send(api, **how, dataField="t/1").json()["messageId"]

    callback = endpoint.wait_for(3)[2]

    reply = fields_of(callback)
    assert callback.path == "/zoom-connect/acme-za/reply"
    assert callback.query == b""
    assert callback.headers["content-type"] == "application/x-www-form-urlencoded"
    assert (reply["repliedToMessageId"], reply["dataField"]) == (message_id, "t/1")
    assert reply["message"] == "Yes, thank you"
    assert MESSAGE_ID.fullmatch(reply["messageId"])
    assert reply["messageId"] != message_id


def test_a_reply_names_the_message_in_its_recipient_too(api: httpx.Client, endpoint: Endpoint) -> None:
    message_id = send(api, "reply").json()["messageId"]
    reply = fields_of(endpoint.wait_for(3)[2])
    del reply["repliedToMessageId"]

    happening = normalise("reply", reply, {"timezone": "Africa/Johannesburg"})

    assert ("message_id", message_id) in happening.links


def test_every_message_can_be_replied_to(api: httpx.Client, control: httpx.Client, endpoint: Endpoint) -> None:
    control.put("/callbacks", json={"reply": True, "reply_text": "¿Qué? 100% * ~ + €"})
    send(api, "no_report")

    (reply,) = endpoint.wait_for(1)

    assert fields_of(reply)["message"] == "¿Qué? 100% * ~ + €"


def test_the_java_form(api: httpx.Client, control: httpx.Client, endpoint: Endpoint) -> None:
    control.put("/callbacks", json={"canonical_form": "java", "reply": True, "reply_text": "a*b"})
    send(api, "no_report")

    (reply,) = endpoint.wait_for(1)

    assert b"message=a*b" in reply.body
    assert fields_of(reply, form="java")["message"] == "a*b"


REPORTS: list[Case[str, list[str]]] = [
    Case("ok", "", ["SENT", "DELIVERED"]),
    Case("out_of_order", "out_of_order", ["DELIVERED", "SENT"]),
    Case("failed_report", "failed_report", ["SENT", "FAILED"]),
    Case("duplicate", "duplicate", ["SENT", "SENT", "DELIVERED", "DELIVERED"]),
    Case("duplicate_new_nonce", "duplicate_new_nonce", ["SENT", "SENT", "DELIVERED", "DELIVERED"]),
    Case("out_of_order and duplicate", "out_of_order,duplicate", ["DELIVERED", "DELIVERED", "SENT", "SENT"]),
    Case("no_report, but a reply", "no_report,reply", []),
]


@table("case", REPORTS)
def test_reports_misbehave(api: httpx.Client, endpoint: Endpoint, case: Case[str, list[str]]) -> None:
    send(api, case.given)

    arrived = endpoint.wait_for(max(1, len(case.expected)))

    assert statuses_of([callback for callback in arrived if "delivery-report" in callback.path]) == case.expected


def test_duplicates_are_the_same_bytes_or_signed_anew(api: httpx.Client, endpoint: Endpoint) -> None:
    send(api, "duplicate")
    same = endpoint.wait_for(4)[:2]
    assert same[0].query == same[1].query

    endpoint.arrived.clear()
    send(api, "duplicate_new_nonce")
    nonces = {fields_of(callback)["nonce"] for callback in endpoint.wait_for(4)}
    assert len(nonces) == 4


def test_early_reports_come_before_the_answer(api: httpx.Client, control: httpx.Client, endpoint: Endpoint) -> None:
    control.put("/callbacks", json={"delay_s": 60})

    message_id = send(api, "early_report").json()["messageId"]
    answered_at = time.monotonic()

    assert statuses_of(endpoint.arrived) == ["SENT", "DELIVERED"]
    assert all(callback.at < answered_at for callback in endpoint.arrived)
    assert {fields_of(callback)["messageId"] for callback in endpoint.arrived} == {message_id}


def test_an_answer_does_not_wait_for_ever_for_its_early_reports(
    api: httpx.Client, control: httpx.Client, endpoint: Endpoint
) -> None:
    control.put("/callbacks", json={"early_wait_s": 0.05, "retry_delay_s": 60})
    endpoint.statuses = [503]

    assert send(api, "early_report").status_code == 200
    assert len(endpoint.arrived) == 1


def test_the_number_of_a_bulk_item_decides_on_its_reports(api: httpx.Client, endpoint: Endpoint) -> None:
    send_bulk(api, ["27820990705", "27820990706", RECIPIENT])

    reports = [fields_of(callback) for callback in endpoint.wait_for(4)]

    assert sorted((report["from"], report["status"]) for report in reports) == [
        ("27820990705", "FAILED"),
        ("27820990705", "SENT"),
        (RECIPIENT, "DELIVERED"),
        (RECIPIENT, "SENT"),
    ]


@pytest.mark.parametrize("mode", ["timeout_after", "reset_after", "close_after", "500_after", "garbage"])
def test_reports_come_though_the_answer_did_not(api: httpx.Client, endpoint: Endpoint, mode: str) -> None:
    api.timeout = httpx.Timeout(PATIENCE_S)
    with suppress(httpx.TransportError):
        send(api, mode, dataField="t/1")

    assert statuses_of(endpoint.wait_for(2)) == ["SENT", "DELIVERED"]


@pytest.mark.parametrize("mode", ["500", "400", "401", "403", "429", "garbage_before", "timeout_before=0"])
def test_no_report_comes_of_what_was_not_accepted(
    api: httpx.Client, control: httpx.Client, endpoint: Endpoint, mode: str
) -> None:
    with suppress(httpx.TransportError):
        send(api, mode)

    assert control.get("/callbacks").json()["pending"] == 0
    assert endpoint.wait_for(0) == []


def test_a_callback_is_sent_again_until_it_is_taken(
    api: httpx.Client, control: httpx.Client, endpoint: Endpoint
) -> None:
    endpoint.statuses = [503, 404, 500]
    send(api)

    arrived = endpoint.wait_for(5)

    assert len({callback.query for callback in arrived[:4]}) == 1
    assert statuses_of(arrived) == ["SENT"] * 4 + ["DELIVERED"]
    sent = control.get("/callbacks").json()
    assert [(attempt["attempt"], attempt["answer"]) for attempt in sent["attempts"]] == [
        (1, 503),
        (2, 404),
        (3, 500),
        (4, 200),
        (1, 200),
    ]
    assert (sent["pending"], sent["gave_up"]) == (0, 0)


def test_a_callback_is_given_up_after_three_repeats(
    api: httpx.Client, control: httpx.Client, endpoint: Endpoint
) -> None:
    endpoint.statuses = [500] * 4
    send(api)

    assert statuses_of(endpoint.wait_for(5)) == ["SENT"] * 4 + ["DELIVERED"]
    assert control.get("/callbacks").json()["gave_up"] == 1


def test_a_callback_that_nobody_listens_to_is_tried_and_noted(api: httpx.Client, control: httpx.Client) -> None:
    control.put("/callbacks", json={"delivery_report_url": "http://127.0.0.1:9/", "retries": 1, "retry_delay_s": 0})
    control.put("/callbacks", json={"delay_s": 0})
    send(api)

    wait_until(lambda: bool(control.get("/callbacks").json()["gave_up"] == 2))

    assert {attempt["answer"] for attempt in control.get("/callbacks").json()["attempts"]} == {"ConnectError"}


def test_a_host_below_localhost_is_this_machine(
    api: httpx.Client, control: httpx.Client, endpoint: Endpoint, listening: tuple[Endpoint, str]
) -> None:
    port = httpx.URL(listening[1]).port
    url = f"http://a1b2c3.execute-api.localhost:{port}/x/delivery-report?stage=1"
    control.put("/callbacks", json={"delivery_report_url": url})
    send(api)

    callback = endpoint.wait_for(2)[0]

    assert callback.headers["host"] == f"a1b2c3.execute-api.localhost:{port}"
    assert callback.query.startswith(b"stage=1&")


def test_an_account_can_have_callbacks_of_its_own(endpoint: Endpoint, listening: tuple[Endpoint, str]) -> None:
    simulator = Simulator(
        callbacks=CallbackSettings(delivery_report_url=f"{listening[1]}/default", secret=SECRET, delay_s=0)
    )
    with serve(simulator) as url:
        own = {"email": "b@example.com", "delivery_report_url": f"{listening[1]}/own", "secret": "another"}
        with connect(url) as control:
            assert control.put("/_simulator/callbacks", json=own).status_code == 204
        for email in ("a@example.com", "b@example.com"):
            with connect(url + BASES[0], headers={"email": email, "token": "t"}) as api:
                send(api, dataField=email)
        arrived = endpoint.wait_for(4)

    assert {
        (callback.path, fields_of(callback, secret="another" if callback.path == "/own" else SECRET)["dataField"])
        for callback in arrived
    } == {
        ("/default", "a@example.com"),
        ("/own", "b@example.com"),
    }


def test_a_message_for_later_is_reported_later(api: httpx.Client, endpoint: Endpoint) -> None:
    tomorrow = (datetime.now(ZONE) + timedelta(days=1)).strftime("%Y%m%d%H%M")
    past = send(api, dateToSend="201404282149", dataField="past")
    future = send(api, dateToSend=tomorrow, dataField="future")

    assert {fields_of(callback)["dataField"] for callback in endpoint.wait_for(2)} == {"past"}
    statuses = [api.get(f"/messages/{sent.json()['messageId']}").json()["messageStatus"] for sent in (past, future)]
    assert statuses == ["DELIVERED", "SCHEDULED"]


def test_a_date_is_of_south_africa(listening: tuple[Endpoint, str]) -> None:
    endpoint, listening_url = listening
    endpoint.arrived.clear()
    now = datetime(2026, 11, 22, 10, 0, 30, tzinfo=ZONE).timestamp()
    settings = CallbackSettings(delivery_report_url=listening_url, secret=SECRET, delay_s=0)
    with (
        serve(Simulator(callbacks=settings, clock=lambda: now)) as url,
        connect(url + BASES[0], headers=HEADERS) as api,
    ):
        due = send(api, dateToSend="202611221000").json()["messageId"]
        waiting = send(api, dateToSend="202611221001").json()["messageId"]
        endpoint.wait_for(2)
        assert api.get(f"/messages/{due}").json()["messageStatus"] == "DELIVERED"
        assert api.get(f"/messages/{waiting}").json()["messageStatus"] == "SCHEDULED"
