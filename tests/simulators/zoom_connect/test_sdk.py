"""The PyPI client `zoomconnect-sdk`, an independent witness of the API, against the stand-in."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from defusedxml.ElementTree import fromstring
from zoomconnect_sdk.client import Client as SdkClient  # type: ignore[import-untyped]  # it has no types

from tests.simulators.zoom_connect.stand_in import BASES, EMAIL, PATIENCE_S, RECIPIENT, TOKEN, Service, numbered, send


@pytest.fixture(params=BASES)
def sdk(service: Service, request: pytest.FixtureRequest) -> Iterator[Any]:
    """`zoomconnect-sdk`, pointed at the stand-in; it adds `/api/rest/v1` itself."""
    root = request.param.removesuffix("/api/rest/v1")
    client = SdkClient(base_url=service.url + root, api_token=TOKEN, account_email=EMAIL)
    client.session.trust_env = False
    yield client
    client.session.close()


def test_the_sdk_sends(sdk: Any, service: Service) -> None:
    answer = sdk.send_sms(f"+{RECIPIENT}", "hello", campaign="c", dateToSend="201404282149", dataField="d")

    assert answer == {"messageId": service.simulator.ledger.rows[0]["id"], "error": None}
    assert numbered(service) == [
        {"recipient": RECIPIENT, "message": "hello", "campaign": "c", "dataField": "d", "dateToSend": "201404282149"}
    ]


def test_the_sdk_sends_in_bulk(sdk: Any, service: Service) -> None:
    answer = sdk.send_sms_bulk(["27830000001", "27830000002"], ["one", "two"], defaultDateToSend="201404282149")

    assert [item["messageId"] for item in answer["sendSmsResponses"]] == [
        row["id"] for row in service.simulator.ledger.rows
    ]
    assert [(row["recipient"], row["message"], row["dateToSend"]) for row in service.simulator.ledger.rows] == [
        ("27830000001", "one", "201404282149"),
        ("27830000002", "two", "201404282149"),
    ]


def test_the_sdk_asks_for_the_balance(sdk: Any) -> None:
    assert sdk.get_account_balance() == {"creditBalance": 100_000.0}


def test_the_sdk_reads_messages(sdk: Any) -> None:
    first = sdk.send_sms(RECIPIENT, "hello", campaign="c", dataField="d")["messageId"]
    second = sdk.send_sms(RECIPIENT, "again")["messageId"]

    assert sdk.get_message(first) == {
        "messageId": first,
        "messageType": "OUTBOUND",
        "messageStatus": "SENT",
        "toNumber": RECIPIENT,
        "message": "hello",
        "campaign": "c",
        "userDataField": "d",
        "numberOfMessages": 1,
        "creditCost": 1.0,
    }
    everything = sdk.get_all_messages()
    assert [message["messageId"] for message in everything["webServiceMessages"]] == [first, second]
    assert everything["totalElements"] == 2


def test_the_sdk_gets_examples(sdk: Any) -> None:
    assert set(sdk.get_sms()) == {"recipientNumber", "message", "campaign", "dataField", "dateToSend"}
    assert len(sdk.get_sms_bulk()["sendSmsRequests"]) == 1


def test_the_sdk_shows_what_was_refused(sdk: Any) -> None:
    assert sdk.send_sms(RECIPIENT, "")["code"] == 3
    assert sdk.send_sms("27820990400", "hello")["code"] == 2
    assert sdk.send_sms("27820990500", "hello")["status"] == "500"


@pytest.mark.parametrize("number", ["27820990401", "27820990403", "27820990200", "27820990603", "27820990604"])
def test_the_sdk_raises_where_there_is_nothing_to_read(sdk: Any, number: str) -> None:
    sdk.set_timeout(PATIENCE_S if number == "27820990603" else 5)

    with pytest.raises(Exception, match=r"zoomconnect|Read timed out|Connection"):
        sdk.send_sms(number, "hello")


def test_a_message_in_xml(api: httpx.Client) -> None:
    message_id = send(api, message="<1 & 2>").json()["messageId"]

    answer = api.get(f"/messages/{message_id}", headers={"accept": "application/xml"})

    assert fromstring(answer.content).findtext("message") == "<1 & 2>"


def test_a_message_is_found_by_its_data_field(api: httpx.Client) -> None:
    send(api, dataField="t/1")
    wanted = send(api, dataField="t/2").json()["messageId"]
    send(api, recipientNumber="27830009999", dataField="t/2")

    found = api.get("/messages/all", params={"dataField": "t/2", "toNumber": RECIPIENT}).json()
    page = api.get("/messages/all", params={"dataField": "t/2", "pageSize": "1", "page": "2"}).json()

    assert [message["messageId"] for message in found["webServiceMessages"]] == [wanted]
    assert (page["totalElements"], page["totalPages"], page["elements"]) == (2, 2, 1)
    assert page["webServiceMessages"][0]["toNumber"] == "27830009999"
    assert api.get("/messages/000000000000000000000000").status_code == 404
