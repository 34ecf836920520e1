"""The stand-in's REST API over real HTTP: its encodings, whom it lets in, what it refuses."""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from simulators.common import serve
from simulators.zoom_connect import Simulator
from tests.cases import Case, table
from tests.simulators.zoom_connect.stand_in import (
    ACCEPTED,
    BASES,
    EMAIL,
    FULL,
    HEADERS,
    MESSAGE_ID,
    RECIPIENT,
    TOKEN,
    Service,
    connect,
    numbered,
    send,
    send_bulk,
    xml_of,
)

type SingleSend = Callable[[httpx.Client, str], httpx.Response]


def as_json(api: httpx.Client, base: str) -> httpx.Response:
    return api.post(f"{base}/sms/send.json", json=FULL)


def as_xml(api: httpx.Client, base: str) -> httpx.Response:
    return api.post(f"{base}/sms/send.xml", content=xml_of(FULL).encode())


def as_json_without_suffix(api: httpx.Client, base: str) -> httpx.Response:
    return api.post(f"{base}/sms/send", json=FULL)


def as_xml_without_suffix(api: httpx.Client, base: str) -> httpx.Response:
    headers = {"content-type": "application/xml", "accept": "application/xml"}
    return api.post(f"{base}/sms/send", content=xml_of(FULL).encode(), headers=headers)


def as_query_by_get(api: httpx.Client, base: str) -> httpx.Response:
    return api.get(f"{base}/sms/send-url-parameters", params=FULL)


def as_query_by_post(api: httpx.Client, base: str) -> httpx.Response:
    return api.post(f"{base}/sms/send-url-parameters?{urlencode(FULL)}")


def as_form(api: httpx.Client, base: str) -> httpx.Response:
    return api.post(f"{base}/sms/send-url-parameters", data=FULL)


def id_in_json(answer: httpx.Response) -> str:
    document = answer.json()
    assert document["error"] is None
    return str(document["messageId"])


def id_in_xml(answer: httpx.Response) -> str:
    assert answer.headers["content-type"].startswith("application/xml")
    found = re.search("<sendSmsResponse><messageId>(.*)</messageId></sendSmsResponse>", answer.text)
    assert found is not None
    return found[1]


def id_in_text(answer: httpx.Response) -> str:
    return answer.text


ENCODINGS: list[tuple[SingleSend, Callable[[httpx.Response], str]]] = [
    (as_json, id_in_json),
    (as_xml, id_in_xml),
    (as_json_without_suffix, id_in_json),
    (as_xml_without_suffix, id_in_xml),
    (as_query_by_get, id_in_text),
    (as_query_by_post, id_in_text),
    (as_form, id_in_text),
]


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize(("ask", "read_id"), ENCODINGS, ids=[ask.__name__ for ask, _ in ENCODINGS])
def test_a_single_send(service: Service, ask: SingleSend, read_id: Callable[[httpx.Response], str], base: str) -> None:
    with connect(service.url, headers=HEADERS) as api:
        answer = ask(api, base)

    assert answer.status_code == 200
    assert MESSAGE_ID.fullmatch(read_id(answer))
    assert numbered(service, ("id", *ACCEPTED)) == [{"id": read_id(answer), **ACCEPTED}]


def test_what_was_not_said_is_not_in_the_ledger(api: httpx.Client, service: Service) -> None:
    send(api)

    assert numbered(service) == [
        {"recipient": RECIPIENT, "message": "hello", "campaign": None, "dataField": None, "dateToSend": None}
    ]


def test_ids_are_all_different(api: httpx.Client) -> None:
    answer = send_bulk(api, [RECIPIENT] * 200)

    assert len({item["messageId"] for item in answer.json()["sendSmsResponses"]}) == 200


def test_a_bulk_send_answers_by_position(api: httpx.Client, service: Service) -> None:
    messages = [
        {"recipientNumber": "27830000001", "message": "one"},
        {"recipientNumber": "nobody", "message": "two"},
        {"recipientNumber": "27830000003", "message": " "},
        {"recipientNumber": "27830000004", "message": "four", "dateToSend": "201404282149"},
    ]

    answer = api.post("/sms/send-bulk.json", json={"sendSmsRequests": messages, "defaultDateToSend": "201501010000"})

    items = answer.json()["sendSmsResponses"]
    assert answer.status_code == 200
    assert [item["error"] for item in items] == [None, "Invalid mobile number", "Message cannot be empty", None]
    assert [item["messageId"] for item in items[1:3]] == [None, None]
    assert numbered(service, ("id", "message", "dateToSend")) == [
        {"id": items[0]["messageId"], "message": "one", "dateToSend": "201501010000"},
        {"id": items[3]["messageId"], "message": "four", "dateToSend": "201404282149"},
    ]
    assert len({row["request_id"] for row in service.simulator.ledger.rows}) == 1


def test_a_bulk_send_in_xml(api: httpx.Client, service: Service) -> None:
    requests = "".join(xml_of({**FULL, "recipientNumber": number}) for number in ("27830000001", "1", "27830000003"))

    answer = api.post("/sms/send-bulk.xml", content=f"<sendSmsRequests>{requests}</sendSmsRequests>".encode())

    ids = [row["id"] for row in service.simulator.ledger.rows]
    assert answer.text == (
        '<?xml version="1.0" encoding="UTF-8"?><sendSmsResponses>'
        f"<sendSmsResponse><messageId>{ids[0]}</messageId></sendSmsResponse>"
        "<sendSmsResponse><error>Invalid mobile number</error></sendSmsResponse>"
        f"<sendSmsResponse><messageId>{ids[1]}</messageId></sendSmsResponse>"
        "</sendSmsResponses>"
    )
    assert [row["recipient"] for row in numbered(service)] == ["27830000001", "27830000003"]


@pytest.mark.parametrize("base", BASES)
def test_the_balance_falls_by_segments(api: httpx.Client, service: Service, base: str) -> None:
    send(api, message="a" * 161)

    assert api.get(f"{service.url}{base}/account/balance.json").json() == {"creditBalance": 99998.0}
    assert "<account><creditBalance>99998.0</creditBalance></account>" in api.get("/account/balance.xml").text


type Credentials = dict[str, Any]


CREDENTIALS: list[Case[Credentials, int]] = [
    Case("headers", {"headers": HEADERS}, 200),
    Case("basic", {"auth": (EMAIL, TOKEN)}, 200),
    Case("query", {"params": HEADERS}, 200),
    Case("none", {}, 401),
    Case("no token", {"headers": {"email": EMAIL}}, 401),
    Case("another's token", {"headers": {"email": EMAIL, "token": "wrong"}}, 401),
    Case("another's email", {"auth": ("other@example.com", TOKEN)}, 401),
    Case("a wrong query", {"params": {"email": EMAIL, "token": "wrong"}}, 401),
    Case("basic that is no base64", {"headers": {"authorization": "Basic \u00b5".encode()}}, 401),
    Case("another scheme", {"headers": {"authorization": f"Bearer {TOKEN}"}}, 401),
]


@table("case", CREDENTIALS)
@pytest.mark.parametrize("path", ["/sms/send.json", "/sms/send-bulk.json"])
def test_credentials(service: Service, case: Case[Credentials, int], path: str) -> None:
    message = {"recipientNumber": RECIPIENT, "message": "hello"}
    body = {"sendSmsRequests": [message]} if "bulk" in path else message
    with connect(service.url + BASES[1]) as client:
        answer = client.post(path, json=body, **case.given)

    assert answer.status_code == case.expected
    assert len(service.simulator.ledger.rows) == (1 if case.expected == 200 else 0)


def test_without_a_list_of_credentials_whoever_brings_both_is_let_in() -> None:
    simulator = Simulator()
    with serve(simulator) as url, connect(url + BASES[0]) as client:
        assert client.get("/account/balance.json", headers=HEADERS).status_code == 200
        assert client.get("/account/balance.json").status_code == 401


REFUSED: list[Case[dict[str, Any], tuple[int, str]]] = [
    Case("no number", {"recipientNumber": None}, (2, "Invalid mobile number")),
    Case("letters", {"recipientNumber": "2783000123x"}, (2, "Invalid mobile number")),
    Case("too short", {"recipientNumber": "278300012"}, (2, "Invalid mobile number")),
    Case("too long", {"recipientNumber": "1" * 16}, (2, "Invalid mobile number")),
    Case("empty message", {"message": ""}, (3, "Message cannot be empty")),
    Case("no message", {"message": None}, (3, "Message cannot be empty")),
    Case("blank message", {"message": " \n"}, (3, "Message cannot be empty")),
    Case("date with seconds", {"dateToSend": "20140428214900"}, (1, "The request could not be read")),
    Case("no such day", {"dateToSend": "201402302149"}, (1, "The request could not be read")),
    Case("a message that is a list", {"message": ["x"]}, (1, "The request could not be read")),
    Case("half an emoji", {"message": "\ud83d"}, (1, "The request could not be read")),
]


@table("case", REFUSED)
def test_a_message_is_refused(api: httpx.Client, service: Service, case: Case[dict[str, Any], tuple[int, str]]) -> None:
    code, text = case.expected
    body = json.dumps({"recipientNumber": RECIPIENT, "message": "hello", **case.given})

    answer = api.post("/sms/send.json", content=body)

    assert answer.status_code == 400
    assert answer.json() == {
        "status": "400",
        "code": code,
        "message": text,
        "developerMessage": text,
        "moreInfoUrl": "https://www.zoomconnect.com/interactive-api",
    }
    assert service.simulator.ledger.rows == []


ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaa">]><sendSmsRequest><message>&a;</message></sendSmsRequest>'


UNREADABLE: list[Case[tuple[str, bytes], str]] = [
    Case("not JSON", ("/sms/send.json", b"{"), '"code":1'),
    Case("a list", ("/sms/send.json", b"[]"), '"code":1'),
    Case("not UTF-8", ("/sms/send.json", b'{"message": "\xff"}'), '"code":1'),
    Case("bulk without a list", ("/sms/send-bulk.json", b"{}"), '"code":1'),
    Case("bulk of numbers", ("/sms/send-bulk.json", b'{"sendSmsRequests": [1]}'), '"code":1'),
    Case("not XML", ("/sms/send.xml", b"<sendSmsRequest>"), "<code>1</code>"),
    Case("another root", ("/sms/send.xml", b"<x/>"), "<code>1</code>"),
    Case("entities", ("/sms/send.xml", ENTITIES.encode()), "<code>1</code>"),
    Case("bulk of another root", ("/sms/send-bulk.xml", b"<sendSmsRequest/>"), "<code>1</code>"),
]


@table("case", UNREADABLE)
def test_a_body_that_can_not_be_read(api: httpx.Client, service: Service, case: Case[tuple[str, bytes], str]) -> None:
    path, body = case.given

    answer = api.post(path, content=body)

    assert answer.status_code == 400
    assert case.expected in answer.text
    assert service.simulator.ledger.rows == []


def test_an_error_in_the_encoding_of_the_call(api: httpx.Client) -> None:
    in_xml = api.post("/sms/send.xml", content=xml_of({"recipientNumber": "1", "message": "x"}).encode())
    by_parameters = api.get("/sms/send-url-parameters", params={"recipientNumber": "1", "message": "x"})

    assert in_xml.status_code == by_parameters.status_code == 400
    assert "<code>2</code><message>Invalid mobile number</message>" in in_xml.text
    assert by_parameters.json()["code"] == 2


def test_a_path_or_a_method_that_there_is_not(api: httpx.Client) -> None:
    assert api.get("/sms/nothing").status_code == 404
    assert api.delete("/sms/send.json").status_code == 405
