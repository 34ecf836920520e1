"""Every way in which the stand-in's answers go wrong: by header, by number, at random."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import phonenumbers
import pytest
from defusedxml.ElementTree import fromstring

from simulators.zoom_connect import Mode
from simulators.zoom_connect.api import BEFORE
from simulators.zoom_connect.modes import ANSWER_MODES, NUMBERS, UnknownModeError, read_modes
from tests.cases import Case, table
from tests.simulators.zoom_connect.stand_in import (
    FULL,
    MESSAGE_ID,
    PATIENCE_S,
    RECIPIENT,
    Answered,
    Service,
    send,
    send_bulk,
    wait_until,
    xml_of,
)

ANSWERS: list[Case[str, Answered]] = [
    Case("ok", "ok", Answered(200, accepted=1)),
    Case("slow", "slow=0.05", Answered(200, accepted=1)),
    Case("slow for too long", "slow=0.4", Answered(raises=httpx.ReadTimeout, accepted=1)),
    Case("timeout_before", "timeout_before", Answered(raises=httpx.ReadTimeout)),
    Case("timeout_before, closed", "timeout_before=0.05", Answered(raises=httpx.RemoteProtocolError)),
    Case("timeout_after", "timeout_after", Answered(raises=httpx.ReadTimeout, accepted=1)),
    Case("timeout_after, closed", "timeout_after=0.05", Answered(raises=httpx.RemoteProtocolError, accepted=1)),
    Case("reset_after", "reset_after", Answered(raises=httpx.ReadError, accepted=1)),
    Case("close_after", "close_after", Answered(raises=httpx.RemoteProtocolError, accepted=1)),
    Case("500", "500", Answered(500)),
    Case("500_after", "500_after", Answered(500, accepted=1)),
    Case("400", "400", Answered(400)),
    Case("401", "401", Answered(401)),
    Case("403", "403", Answered(403)),
    Case("429", "429", Answered(429)),
    Case("garbage", "garbage", Answered(200, accepted=1)),
    Case("garbage_before", "garbage_before", Answered(200)),
    Case("slow, then garbage", "slow=0.05,garbage", Answered(200, accepted=1)),
    Case("short_bulk of one", "short_bulk", Answered(200, accepted=1)),
]


CALLS: dict[str, Callable[[httpx.Client, str], httpx.Response]] = {
    "json": send,
    "xml": lambda api, simulate: api.post(
        "/sms/send.xml", content=xml_of(FULL).encode(), headers={"x-simulate": simulate}
    ),
    "url parameters": lambda api, simulate: api.get(
        "/sms/send-url-parameters", params=FULL, headers={"x-simulate": simulate}
    ),
    "bulk": lambda api, simulate: send_bulk(api, [RECIPIENT], simulate),
}


@pytest.mark.parametrize("call", CALLS)
@table("case", ANSWERS)
def test_a_mode_by_header(service: Service, api: httpx.Client, case: Case[str, Answered], call: str) -> None:
    expected = case.expected
    if expected.raises is httpx.ReadTimeout:
        api.timeout = httpx.Timeout(PATIENCE_S)

    if expected.raises is None:
        assert CALLS[call](api, case.given).status_code == expected.status
    else:
        with pytest.raises(expected.raises):
            CALLS[call](api, case.given)

    wait_until(lambda: len(service.ledger.read_text().splitlines()) == expected.accepted)


def test_every_mode_of_the_answer_is_in_the_table() -> None:
    tried = {mode for case in ANSWERS for mode in read_modes(case.given)}

    assert tried >= {*ANSWER_MODES, Mode.OK, Mode.SLOW}


def test_nothing_is_accepted_before_and_everything_after() -> None:
    accepted = {next(iter(read_modes(case.given))): case.expected.accepted for case in ANSWERS}

    assert {mode for mode, count in accepted.items() if count == 0} == BEFORE


@pytest.mark.parametrize("mode", sorted(BEFORE - {Mode.TIMEOUT_BEFORE, Mode.GARBAGE_BEFORE}))
def test_a_query_misbehaves_as_a_send_does(api: httpx.Client, mode: Mode) -> None:
    assert api.get("/account/balance.json", headers={"x-simulate": mode}).status_code == int(mode)


def test_an_error_500_has_the_providers_body(api: httpx.Client) -> None:
    for mode in ("500", "500_after"):
        body = send(api, mode).json()
        assert (body["status"], body["code"]) == ("500", 1)


def test_a_number_refused_by_mode_has_the_providers_body(api: httpx.Client) -> None:
    assert send(api, "400").json()["code"] == 2


@pytest.mark.parametrize(("mode", "seconds"), [("429", "2"), ("429=7", "7")])
def test_too_many_says_when_to_come_again(api: httpx.Client, mode: str, seconds: str) -> None:
    assert send(api, mode).headers["retry-after"] == seconds


@pytest.mark.parametrize("mode", ["garbage", "garbage_before"])
def test_garbage_can_be_read_as_nothing(api: httpx.Client, mode: str) -> None:
    text = send(api, mode).text

    assert not MESSAGE_ID.search(text)
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(text)
    with pytest.raises(SyntaxError):
        fromstring(text)


def test_slow_answers_late_but_accepts_at_once(api: httpx.Client, service: Service) -> None:
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(send, api, "slow=0.4")
        wait_until(lambda: len(service.simulator.ledger.rows) == 1)
        assert not answer.done()
        assert answer.result().elapsed > timedelta(seconds=0.4)


def test_slow_goes_with_a_refusal_too(api: httpx.Client) -> None:
    answer = send(api, "slow=0.1,403")

    assert answer.status_code == 403
    assert answer.elapsed > timedelta(seconds=0.1)


@pytest.mark.parametrize(("mode", "answered"), [("short_bulk", 3), ("short_bulk=3", 1), ("short_bulk=9", 0)])
def test_a_short_bulk_accepts_all(api: httpx.Client, service: Service, mode: str, answered: int) -> None:
    answer = send_bulk(api, [f"2783000000{at}" for at in range(4)], mode)

    ids = [item["messageId"] for item in answer.json()["sendSmsResponses"]]
    assert ids == [row["id"] for row in service.simulator.ledger.rows][:answered]
    assert len(service.simulator.ledger.rows) == 4


def test_a_caller_that_goes_in_the_middle_of_its_body_leaves_nothing(service: Service, api: httpx.Client) -> None:
    with pytest.raises(RuntimeError, match="killed"):
        api.post("/sms/send.json", content=cut_off())

    wait_until(lambda: service.simulator.calls.total() == 1)
    assert [mode for _, _, mode in service.simulator.calls] == ["gone"]
    assert service.simulator.ledger.rows == []


def cut_off() -> Iterator[bytes]:
    yield b'{"recipientNumber": "27830001234", "message": "he'
    raise RuntimeError("killed")


MISTAKEN = ["nonsense", "slow=x", "500,garbage", "timeout_before,timeout_after"]


@pytest.mark.parametrize("text", MISTAKEN)
def test_a_header_that_asks_for_nonsense_is_said_to(api: httpx.Client, service: Service, text: str) -> None:
    answer = send(api, text)

    assert answer.status_code == 400
    assert "mode" in answer.text
    assert service.simulator.ledger.rows == []
    with pytest.raises(UnknownModeError):
        read_modes(text)


@pytest.mark.parametrize("ending", NUMBERS)
def test_every_number_of_the_table_could_be_a_real_one(ending: str) -> None:
    assert phonenumbers.is_valid_number(phonenumbers.parse(f"+27820{ending}"))


BY_NUMBER: list[Case[str, Answered]] = [
    Case("as it is", "27820990429", Answered(429)),
    Case("with a plus", "+27820990500", Answered(500)),
    Case("with spaces", "27 82 099 0501", Answered(500, accepted=1)),
    Case("of another network", "27711990604", Answered(raises=httpx.ReadError, accepted=1)),
    Case("one digit off", "27820990428", Answered(200, accepted=1)),
]


@table("case", BY_NUMBER)
def test_a_mode_by_number(api: httpx.Client, service: Service, case: Case[str, Answered]) -> None:
    if case.expected.raises is None:
        assert send(api, recipientNumber=case.given).status_code == case.expected.status
    else:
        with pytest.raises(case.expected.raises):
            send(api, recipientNumber=case.given)

    assert len(service.simulator.ledger.rows) == case.expected.accepted


def test_the_header_wins_over_the_number(api: httpx.Client) -> None:
    assert send(api, "ok", recipientNumber="27820990429").status_code == 200


def test_one_number_decides_on_a_whole_bulk_call(api: httpx.Client, service: Service) -> None:
    assert send_bulk(api, [RECIPIENT, "27820990429", "27820990500"]).status_code == 429
    assert service.simulator.ledger.rows == []


def test_the_first_number_decides_on_a_whole_bulk_call(api: httpx.Client, control: httpx.Client) -> None:
    control.put("/numbers/27830000001", json={"modes": "429=3"})
    control.put("/numbers/27830000002", json={"modes": "429=5"})

    assert send_bulk(api, [RECIPIENT, "27830000001", "27830000002"]).headers["retry-after"] == "3"
    assert send_bulk(api, [RECIPIENT, "27830000002", "27830000001"]).headers["retry-after"] == "5"


def test_a_bad_number_is_one_items_error_in_a_bulk_call(api: httpx.Client, service: Service) -> None:
    items = send_bulk(api, [RECIPIENT, "27820990400"]).json()["sendSmsResponses"]

    assert [item["error"] for item in items] == [None, "Invalid mobile number"]
    assert [row["recipient"] for row in service.simulator.ledger.rows] == [RECIPIENT]


def test_a_number_can_be_told_to_misbehave_for_a_while(api: httpx.Client, control: httpx.Client) -> None:
    assert control.put(f"/numbers/+{RECIPIENT}", json={"modes": "429=1", "times": 2}).status_code == 204

    assert [send(api).status_code for _ in range(4)] == [429, 429, 200, 200]


def test_a_number_can_be_told_to_misbehave_until_told_otherwise(api: httpx.Client, control: httpx.Client) -> None:
    control.put(f"/numbers/{RECIPIENT}", json={"modes": "403"})
    statuses = [send(api).status_code for _ in range(3)]
    control.delete(f"/numbers/{RECIPIENT}")

    assert [*statuses, send(api).status_code] == [403, 403, 403, 200]


def test_chaos_is_the_same_for_the_same_seed(api: httpx.Client, control: httpx.Client) -> None:
    def statuses(seed: int) -> list[int]:
        body = {"seed": seed, "modes": {"500": 0.3, "429": 0.2, "garbage": 0.1}}
        assert control.put("/chaos", json=body).status_code == 204
        return [send(api).status_code for _ in range(40)]

    first = statuses(1)

    assert statuses(1) == first
    assert statuses(2) != first
    assert set(first) == {200, 429, 500}


def test_chaos_can_be_ended_and_does_not_touch_what_was_asked_for(api: httpx.Client, control: httpx.Client) -> None:
    control.put("/chaos", json={"modes": {"500": 1}})
    assert send(api).status_code == 500
    assert send(api, "ok").status_code == 200
    assert send(api, recipientNumber="27820990429").status_code == 429

    control.put("/chaos", json={})
    assert send(api).status_code == 200


BAD_CONTROLS: list[Case[tuple[str, Any], str]] = [
    Case("chaos with an unknown mode", ("/chaos", {"modes": {"x": 0.1}}), "modes"),
    Case("chaos that is too likely", ("/chaos", {"modes": {"500": 1.1}}), "modes"),
    Case("a number with an unknown mode", ("/numbers/1", {"modes": "x"}), "no mode"),
    Case("a number never", ("/numbers/1", {"modes": "500", "times": 0}), "times"),
    Case("callbacks with a typo", ("/callbacks", {"reply-url": "http://x"}), "reply-url"),
    Case("callbacks to nowhere", ("/callbacks", {"reply_url": "/reply"}), "reply_url"),
    Case("no object", ("/callbacks", 5), "int"),
]


@table("case", BAD_CONTROLS)
def test_a_mistaken_control_is_refused(control: httpx.Client, case: Case[tuple[str, Any], str]) -> None:
    path, body = case.given

    answer = control.put(path, json=body)

    assert answer.status_code == 400
    assert case.expected in answer.text
