"""The proof of what the stand-in accepted, and of what it was asked."""

import json
from concurrent.futures import ThreadPoolExecutor

import httpx

from simulators.zoom_connect import CallbackSettings
from tests.simulators.zoom_connect.stand_in import (
    BASES,
    EMAIL,
    HEADERS,
    RECIPIENT,
    TOKEN,
    Service,
    connect,
    send,
    send_bulk,
)


def test_a_row_is_in_the_file_before_the_answer_leaves(api: httpx.Client, service: Service) -> None:
    answer = send(api, dataField="t1")

    (line,) = service.ledger.read_text().splitlines()
    row = json.loads(line)
    assert row == service.simulator.ledger.rows[0]
    assert (row["id"], row["dataField"]) == (answer.json()["messageId"], "t1")
    assert (row["email"], row["path"]) == (EMAIL, "/app/api/rest/v1/sms/send.json")
    assert TOKEN not in line


def test_the_ledger_over_http(api: httpx.Client, control: httpx.Client) -> None:
    for text in ("one", "two", "three"):
        api.post(
            "/sms/send.json",
            json={"recipientNumber": RECIPIENT, "message": text},
            headers={"x-request-id": f"r-{text}"},
        )

    whole = control.get("/ledger").json()
    later = control.get("/ledger", params={"since": whole["rows"][0]["number"]}).json()

    assert whole["accepted"] == 3
    assert [row["request_id"] for row in whole["rows"]] == ["r-one", "r-two", "r-three"]
    assert [row["message"] for row in later["rows"]] == ["two", "three"]


def test_numbers_rise_by_one_and_go_on_after_a_reset(
    api: httpx.Client, control: httpx.Client, service: Service
) -> None:
    send_bulk(api, [RECIPIENT] * 3)
    before = [row["number"] for row in service.simulator.ledger.rows]
    control.delete("")
    send(api)

    assert before == list(range(before[0], before[0] + 3))
    assert [row["number"] for row in service.simulator.ledger.rows] == [before[-1] + 1]
    assert len(service.ledger.read_text().splitlines()) == 1


def test_a_reset_forgets_everything(api: httpx.Client, control: httpx.Client, service: Service) -> None:
    control.put("/chaos", json={"modes": {"500": 1}})
    control.put(f"/numbers/{RECIPIENT}", json={"modes": "429"})
    control.put("/callbacks", json={"delivery_report_url": "http://127.0.0.1:9/"})
    send(api)

    assert control.delete("").status_code == 204

    assert control.get("/requests").json() == {"total": 0, "calls": []}
    assert send(api).status_code == 200
    assert control.get("/callbacks").json() == {"pending": 0, "gave_up": 0, "attempts": []}
    assert service.simulator.default_settings == CallbackSettings()


def test_calls_are_counted_by_path_and_mode(api: httpx.Client, control: httpx.Client) -> None:
    send(api)
    send(api)
    send(api, "slow=0.01,500_after")
    send(api, recipientNumber="27820990403")
    api.get("/account/balance.json", headers={"token": "wrong"})

    counts = control.get("/requests").json()

    assert counts["total"] == 5
    assert [
        (call["method"], call["path"].rpartition("/v1")[2], call["mode"], call["count"]) for call in counts["calls"]
    ] == [
        ("GET", "/account/balance.json", "401", 1),
        ("POST", "/sms/send.json", "403", 1),
        ("POST", "/sms/send.json", "ok", 2),
        ("POST", "/sms/send.json", "slow,500_after", 1),
    ]


def test_many_at_once_are_each_accepted_once(service: Service) -> None:
    def send_some(worker: int) -> list[str]:
        with connect(service.url + BASES[0], headers=HEADERS) as api:
            return [send(api, dataField=f"{worker}-{at}").json()["messageId"] for at in range(50)]

    with ThreadPoolExecutor(8) as pool:
        ids = [message_id for some in pool.map(send_some, range(8)) for message_id in some]

    rows = [json.loads(line) for line in service.ledger.read_text().splitlines()]
    assert sorted(ids) == sorted(row["id"] for row in rows)
    assert len({row["dataField"] for row in rows}) == len(rows) == 400
