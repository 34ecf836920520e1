"""The stand-in for Zorya, over real HTTP, called as Hookline calls the real one.

What it accepts, what that costs, every way it misbehaves, and what it sends back.
"""

import json
import logging
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

import simulators.zorya
from hookline.callbacks import ReceivingAccount, Request, Verified
from hookline.commands import BaseCommand
from hookline.events import SmsReceived, SmsStatusUpdated, TopUpStatusUpdated
from hookline.outcomes import Answer, Done, MayHaveBeenSent, NotSent, Outcome, Refused, outcome_of_error
from hookline.providers.zorya.answers import transaction_of
from hookline.providers.zorya.normalise import normalise, read_fields
from hookline.providers.zorya.reports import OpenTopUp, match, match_all, report_rows
from hookline.providers.zorya.rest import SENDING, log_in, read_token
from hookline.providers.zorya.rest_settings import Account
from hookline.providers.zorya.settings import ReceiveSettings
from hookline.providers.zorya.verify import ROUTES, verify
from simulators.common import serve
from simulators.zorya import CallbackSettings, Mode, Settings, Simulator
from simulators.zorya.callbacks import ZONE
from simulators.zorya.modes import BEFORE, NUMBERS, QUESTION_MODES, UnknownModeError, read_modes
from tests.cases import Case, table
from tests.providers.zorya.rest_samples import (
    CLIENT,
    PASSWORD,
    campaign_top_up,
    document_of,
    get_balance,
    get_report,
    get_status,
    look_up,
    send_sms,
    top_up,
)
from tests.samples import SECRET
from tests.simulators.zoom_connect.stand_in import Arrived, Endpoint, connect, wait_until

HANG_S = 0.6
PATIENCE_S = 0.25  # less than HANG_S: a caller that gives up first
NUMBER = "+525545891076"
OTHER_CLIENT, OTHER_PASSWORD = "5678-EFGH-5678", "another password"


class Service(NamedTuple):
    """A running stand-in."""

    simulator: Simulator
    url: str
    ledger: Path


class Caller:
    """Calls the stand-in by Hookline's own requests, and reads its answers by Hookline's own rules."""

    def __init__(self, url: str, client: str = CLIENT, password: str = PASSWORD, **settings: Any) -> None:
        document = document_of(auth_url=url, gateway_url=url, topup_url=url, max_top_up=3000, **settings)
        document["credentials"] = {"client_id": client, "secure_password": password}
        self.account: Account = SENDING.read_account("acme-mx", document)
        self.token = ""
        self.http = connect(url, timeout=5)

    def log_in(self, simulate: str = "") -> str | Outcome:
        call = log_in(self.account)
        headers = {**call.headers, "x-simulate": simulate}
        said = read_token(_answer(self.http.request(call.method, call.url, headers=headers)))
        if isinstance(said, str):
            self.token = said
        return said

    def ask(self, command: BaseCommand, simulate: str = "") -> httpx.Response:
        """Send a command as it is, and return the answer as it is."""
        ((call, _),) = SENDING.plan([command], self.account, self.token)
        headers = {**call.headers, "x-simulate": simulate, "x-request-id": command.id}
        return self.http.request(call.method, call.url, headers=headers, content=call.content)

    def do(self, command: BaseCommand, simulate: str = "") -> Outcome:
        """Do a command, and say what became of it."""
        checked = SENDING.check(command, self.account, time.time())
        try:
            answer = _answer(self.ask(checked, simulate))
        except httpx.HTTPError as error:
            return outcome_of_error(error)
        return SENDING.read([checked], self.account, answer)[0]

    def facts(self, command: BaseCommand, simulate: str = "") -> Mapping[str, Any]:
        done = self.do(command, simulate)
        assert isinstance(done, Done), done
        return done.facts


def _answer(response: httpx.Response) -> Answer:
    return Answer(response.status_code, response.headers, response.content)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Keep httpx from logging whole URLs: a log-in's holds the password."""
    logger = logging.getLogger("httpx")
    level = logger.level
    logger.setLevel(logging.WARNING)
    yield
    logger.setLevel(level)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    ledger = tmp_path_factory.mktemp("ledger") / "accepted.jsonl"
    credentials = {CLIENT: PASSWORD, OTHER_CLIENT: OTHER_PASSWORD}
    simulator = Simulator(ledger=ledger, credentials=credentials, hang_s=HANG_S)
    with serve(simulator) as url:
        yield Service(simulator, url, ledger)


@pytest.fixture
def control(running: Service) -> Iterator[httpx.Client]:
    with connect(running.url, timeout=5) as client:
        assert client.delete("/_simulator").status_code == 204
    with connect(f"{running.url}/_simulator", timeout=5) as client:
        yield client


@pytest.fixture
def service(running: Service, control: httpx.Client) -> Service:  # noqa: ARG001  # it is as at the start
    return running


type MakeCaller = Callable[..., Caller]


@pytest.fixture
def make_caller(service: Service) -> Iterator[MakeCaller]:
    """Makes callers, logged in or not, and closes their connections."""
    with ExitStack() as stack:

        def make(*credentials: str, logged_in: bool = True, url: str = service.url, **settings: Any) -> Caller:
            caller = Caller(url, *credentials, **settings)
            stack.callback(caller.http.close)
            if logged_in:
                assert isinstance(caller.log_in(), str)
            return caller

        yield make


@pytest.fixture
def zorya(make_caller: MakeCaller) -> Caller:
    """A caller that is logged in."""
    return make_caller()


@pytest.fixture(scope="module")
def listening() -> Iterator[tuple[Endpoint, str]]:
    endpoint = Endpoint()
    with serve(endpoint, lifespan="off") as url:
        yield endpoint, url


@pytest.fixture
def endpoint(listening: tuple[Endpoint, str], control: httpx.Client) -> Endpoint:
    """Where the stand-in's callbacks go, without delays."""
    endpoint, url = listening
    endpoint.arrived.clear()
    endpoint.statuses.clear()
    base = f"{url}/zorya/acme-mx"
    urls = {"mo_url": f"{base}/mo", "mt_url": f"{base}/mt", "push_url": base}
    put(control, "/callbacks", **urls, secret=SECRET, delay_s=0.01, retry_delay_s=0.01)
    return endpoint


def put(control: httpx.Client, path: str, **body: Any) -> None:
    assert control.put(path, json=body).status_code == 204


def rows(service: Service, *names: str) -> list[dict[str, Any]]:
    """What the ledger has, cut down to some fields."""
    return [{name: row[name] for name in names} for row in service.simulator.ledger.rows]


# --- tokens ----------------------------------------------------------------------------------------------------------


def test_a_log_in_makes_a_token_that_lets_in(make_caller: MakeCaller, control: httpx.Client) -> None:
    caller = make_caller(logged_in=False)
    assert caller.do(get_balance()) == NotSent("token_refused", renew_token=True)
    assert isinstance(caller.log_in(), str)
    assert isinstance(caller.do(get_balance()), Done)
    assert control.get("/tokens").json() == {"logins": 1, "refused": 0, "live": 1}


@pytest.mark.parametrize("password", ["wrong", OTHER_PASSWORD, PASSWORD.upper(), f"{PASSWORD}/"])
def test_a_wrong_password_is_refused_and_counted(make_caller: MakeCaller, control: httpx.Client, password: str) -> None:
    said = make_caller(CLIENT, password, logged_in=False).log_in()
    assert said == Refused("-203", "Operation denied", {})
    assert control.get("/tokens").json() == {"logins": 0, "refused": 1, "live": 0}


def test_a_token_expires(zorya: Caller, control: httpx.Client) -> None:
    put(control, "/settings", token_life_s=0.05)
    assert isinstance(zorya.log_in(), str)
    time.sleep(0.06)
    assert zorya.ask(get_balance()).json()["code"] == -205
    put(control, "/settings", token_life_s=60)
    assert isinstance(zorya.log_in(), str)
    assert isinstance(zorya.do(get_balance()), Done)


def test_tokens_can_be_revoked(zorya: Caller, control: httpx.Client) -> None:
    assert control.delete("/tokens").status_code == 204
    answer = zorya.ask(top_up())
    assert (answer.status_code, answer.json()["code"]) == (401, -204)


@pytest.mark.parametrize("single", [False, True])
def test_a_log_in_may_end_older_tokens(make_caller: MakeCaller, control: httpx.Client, *, single: bool) -> None:
    put(control, "/settings", single_token=single)
    one, other, two = make_caller(), make_caller(OTHER_CLIENT, OTHER_PASSWORD), make_caller()
    assert isinstance(one.do(get_balance()), NotSent if single else Done)
    assert isinstance(two.do(get_balance()), Done)
    assert isinstance(other.do(get_balance()), Done)


def test_the_expired_token_mode_ends_that_token(zorya: Caller, service: Service, control: httpx.Client) -> None:
    put(control, "/numbers/525545891076", modes="expired_token", times=1)
    assert zorya.do(top_up()) == NotSent("token_refused", renew_token=True)
    assert zorya.do(top_up()) == NotSent("token_refused", renew_token=True)
    assert isinstance(zorya.log_in(), str)
    assert isinstance(zorya.do(top_up()), Done)
    assert len(service.simulator.ledger.rows) == 1


def test_another_client_s_id_is_refused(zorya: Caller, make_caller: MakeCaller) -> None:
    other = make_caller(OTHER_CLIENT, OTHER_PASSWORD)
    other.token = zorya.token
    for command in (top_up(), send_sms(), look_up(), get_balance(), get_report(), get_status()):
        refused = other.do(command)
        assert isinstance(refused, Refused)
        assert refused.code == "-312"


LOGIN_MODES: tuple[Case[str, Any], ...] = (
    Case("code:-204", "code:-204", Refused("-204", "Invalid Auth Token", {})),
    Case("code=-209", "code=-209", NotSent("retry_later", delay=600)),
    Case("429", "429=7", NotSent("too_many_requests", delay=7)),
    Case("500", "500", NotSent("no_token")),
    Case("401", "401", Refused("401", "the credentials were refused", {})),
    Case("garbage", "garbage", NotSent("no_token")),
)


@table("case", LOGIN_MODES)
def test_a_log_in_goes_wrong(make_caller: MakeCaller, case: Case[str, Any]) -> None:
    assert make_caller(logged_in=False).log_in(case.given) == case.expected


# --- the methods -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "flash", "path", "has_cost"),
    [
        ({}, False, "/v3/api/sendSms", True),
        ({"send_method": "light"}, False, "/v1/api/sendSmsLight", False),
        ({}, True, "/v1/api/sendSmsFlash", True),
    ],
)
def test_a_message(
    service: Service, make_caller: MakeCaller, settings: dict[str, Any], path: str, *, flash: bool, has_cost: bool
) -> None:
    said = make_caller(**settings).facts(send_sms(text="Holá " * 40, flash=flash))
    assert rows(service, "kind", "txID", "msisdn", "path", "segments", "sender", "spent", "request_id") == [
        {
            "kind": "sms",
            "txID": said["message_id"],
            "msisdn": "525545891076",
            "path": path,
            "segments": 3,
            "sender": "99999",
            "spent": "0.8700",
            "request_id": "s-1",
        }
    ]
    assert said.get("cost") == ({"amount": "0.8700", "currency": "MXN"} if has_cost else None)
    assert said.get("encoding") == ("ucs-2" if has_cost else None)


@pytest.mark.parametrize(
    ("command", "path", "more"),
    [
        (
            top_up(amount="20.50"),
            "/api/executeTopUp",
            {"amount": "20.50", "ZCode": "", "campaign": "", "spent": "20.51"},
        ),
        (
            top_up(amount="20", product="TELTA"),
            "/api/executeDirectTopUp",
            {"amount": "20.00", "ZCode": "TELTA", "campaign": "", "spent": "20.01"},
        ),
        (
            campaign_top_up(),
            "/api/executeTopUpCamp",
            {"amount": "20.00", "ZCode": "", "campaign": "campaignTest1", "spent": "20.01"},
        ),
    ],
    ids=["executeTopUp", "executeDirectTopUp", "executeTopUpCamp"],
)
def test_a_top_up(zorya: Caller, service: Service, command: BaseCommand, path: str, more: dict[str, str]) -> None:
    said = zorya.facts(command)
    assert (said["status"], said["final"]) == ("received", False)
    names = ("kind", "txID", "path", *more)
    assert rows(service, *names) == [{"kind": "top_up", "txID": said["transaction_id"], "path": path, **more}]
    assert said["cost"]["amount"] == more["spent"]


def test_a_campaign_at_the_root(service: Service, make_caller: MakeCaller) -> None:
    make_caller(campaign_path="/").facts(campaign_top_up())
    assert rows(service, "kind", "path") == [{"kind": "top_up", "path": "/"}]


@pytest.mark.parametrize(("version", "ported"), [("v1", None), ("v2", True)])
def test_a_look_up(service: Service, make_caller: MakeCaller, version: str, *, ported: bool | None) -> None:
    said = make_caller(lookup_version=version).facts(look_up())
    assert (said["carrier"], said["mcc"], said["mnc"], said.get("ported")) == ("Telcel", "334", "020", ported)
    assert rows(service, "kind", "spent", "txID") == [
        {"kind": "lookup", "spent": "0.1160", "txID": said["transaction_id"]}
    ]


def test_the_balance_falls_by_what_is_spent(zorya: Caller, control: httpx.Client) -> None:
    put(control, "/settings", balance="549990.16")
    zorya.facts(top_up(amount="39.9"))
    zorya.facts(send_sms(text="x"))
    zorya.facts(look_up())
    assert zorya.facts(get_balance())["balance"] == {"amount": "549949.8440", "currency": "MXN"}
    assert control.get("/money").json() == {"spent": "40.3160", "balance": "549949.8440", "top_ups": 1}


def test_a_message_s_status(zorya: Caller) -> None:
    sent = zorya.facts(send_sms(text="hello"))["message_id"]
    said = zorya.facts(get_status(sent))
    assert (said["message_id"], said["to"], said["segments"], said["carrier"]) == (sent, NUMBER, 1, "Telcel")
    for unknown in ("nobody", zorya.facts(top_up())["transaction_id"]):
        refused = zorya.do(get_status(unknown))
        assert isinstance(refused, Refused)
        assert refused.code == "-202"


REFUSALS: tuple[Case[BaseCommand, str], ...] = (
    Case("no text", send_sms(text=""), "400"),
    Case("no sender", send_sms(sender=None), "400"),
    Case("a message to nobody", send_sms(to="+27825550142"), "-208"),
    Case("a top-up of nobody", top_up(to="+5255"), "-208"),
    Case("an amount that the product has not", top_up(amount="25", product="TELTA"), "-206"),
    Case("no such product", top_up(product="TELTB"), "400"),
    Case("no such campaign", campaign_top_up(campaign="winter"), "400"),
    Case("a look-up of nobody", look_up("+1"), "400"),
)


@table("case", REFUSALS)
def test_what_the_provider_refuses(zorya: Caller, service: Service, case: Case[BaseCommand, str]) -> None:
    answer = _answer(zorya.ask(case.given))  # not checked by us: that is what is tested
    (refused,) = SENDING.read([case.given], zorya.account, answer)
    assert isinstance(refused, Refused)
    assert refused.code == case.expected
    assert service.simulator.ledger.rows == []


def test_without_funds_nothing_is_accepted(zorya: Caller, service: Service, control: httpx.Client) -> None:
    put(control, "/settings", balance="20.01")
    zorya.facts(top_up())
    for command in (top_up(amount="0.01"), send_sms(), look_up()):
        assert zorya.do(command) == NotSent("no_funds", stop_account=True)
    assert len(service.simulator.ledger.rows) == 1
    put(control, "/settings", balance="100")
    zorya.facts(look_up())


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"amount": "20.00"}'])
def test_a_body_that_is_none(zorya: Caller, service: Service, body: bytes) -> None:
    url = f"{service.url}/api/executeTopUp"
    answer = zorya.http.post(url, content=body, headers={"ZRTAuth": zorya.token})
    assert answer.json()["code"] in {400, -312}
    assert service.simulator.ledger.rows == []


# --- modes -----------------------------------------------------------------------------------------------------------

MODES: tuple[Case[str, tuple[Outcome | type[Outcome], int]], ...] = (
    Case("ok", "ok", (Done, 1)),
    Case("slow", "slow=0.05", (Done, 1)),
    Case("slow for too long", "slow=0.4", (MayHaveBeenSent("ReadTimeout"), 1)),
    Case("timeout_before", "timeout_before", (MayHaveBeenSent("ReadTimeout"), 0)),
    Case("timeout_before, closed", "timeout_before=0.05", (MayHaveBeenSent("RemoteProtocolError"), 0)),
    Case("timeout_after", "timeout_after", (MayHaveBeenSent("ReadTimeout"), 1)),
    Case("timeout_after, closed", "timeout_after=0.05", (MayHaveBeenSent("RemoteProtocolError"), 1)),
    Case("reset_after", "reset_after", (MayHaveBeenSent("ReadError"), 1)),
    Case("close_after", "close_after", (MayHaveBeenSent("RemoteProtocolError"), 1)),
    Case("500", "500", (MayHaveBeenSent("answer_unreadable"), 0)),
    Case("500_after", "500_after", (MayHaveBeenSent("answer_unreadable"), 1)),
    Case("401", "401", (NotSent("token_refused", renew_token=True), 0)),
    Case("403", "403", (NotSent("token_refused", renew_token=True), 0)),
    Case("429", "429", (NotSent("too_many_requests", delay=2), 0)),
    Case("429, a minute", "429=60", (NotSent("too_many_requests", delay=60), 0)),
    Case("garbage", "garbage", (MayHaveBeenSent("answer_unreadable"), 1)),
    Case("garbage_before", "garbage_before", (MayHaveBeenSent("answer_unreadable"), 0)),
    Case("broken", "broken", (Done, 1)),
    Case("no_txid", "no_txid", (MayHaveBeenSent("no_transaction_id"), 1)),
    Case("code", "code", (Refused, 0)),
    Case("code -209", "code=-209", (NotSent("retry_later", delay=600), 0)),
    Case("code -210, written otherwise", "code:-210", (NotSent("no_funds", stop_account=True), 0)),
    Case("code -999", "code=-999", (MayHaveBeenSent, 0)),
    Case("expired_token", "expired_token", (NotSent("token_refused", renew_token=True), 0)),
    Case("rejected", "rejected", (Refused, 0)),
    Case("at_once", "at_once", (Done, 1)),
    Case("slow, then garbage", "slow=0.05,garbage", (MayHaveBeenSent("answer_unreadable"), 1)),
)


@table("case", MODES)
def test_a_mode_by_header(
    zorya: Caller, service: Service, case: Case[str, tuple[Outcome | type[Outcome], int]]
) -> None:
    expected, accepted = case.expected
    zorya.http.timeout = httpx.Timeout(PATIENCE_S)
    said = zorya.do(top_up(), case.given)
    assert isinstance(said, expected) if isinstance(expected, type) else said == expected
    wait_until(lambda: len(service.ledger.read_text().splitlines()) == accepted)
    assert service.simulator.spent == accepted * Decimal("20.01")
    assert {read_modes(case.given.partition(",")[2] or case.given).keys() <= BEFORE} == {accepted == 0}


@pytest.mark.parametrize("ending", [ending for ending, mode in NUMBERS.items() if mode not in QUESTION_MODES])
def test_what_only_messages_and_top_ups_know_is_nothing_to_a_look_up(zorya: Caller, ending: str) -> None:
    assert isinstance(zorya.do(look_up(f"+525512{ending}")), Done)


@pytest.mark.parametrize("ending", NUMBERS)
def test_a_mode_by_number(zorya: Caller, control: httpx.Client, ending: str) -> None:
    zorya.http.timeout = httpx.Timeout(PATIENCE_S)
    zorya.do(top_up(to=f"+525512{ending}"))
    (call,) = [call for call in control.get("/requests").json()["calls"] if "TopUp" in call["path"]]
    assert call == {"method": "POST", "path": "/api/executeTopUp", "mode": NUMBERS[ending], "count": 1}


@pytest.mark.parametrize("mode", QUESTION_MODES)
@pytest.mark.parametrize("command", [get_balance(), get_report()], ids=lambda command: command.kind)
def test_a_question_goes_wrong_too(zorya: Caller, command: BaseCommand, mode: Mode) -> None:
    zorya.http.timeout = httpx.Timeout(PATIENCE_S)
    said = zorya.do(command, mode)
    assert isinstance(said, Done) == (mode is Mode.BROKEN)


def test_at_once_and_rejected_are_statuses_of_the_answer(zorya: Caller) -> None:
    assert zorya.facts(top_up(), "at_once")["status"] == "succeeded"
    refused = zorya.do(top_up(), "rejected")
    assert isinstance(refused, Refused)
    assert (refused.code, refused.text) == ("-1", "Operation Rejected")


def test_broken_json_is_broken_as_the_document_s(zorya: Caller) -> None:
    text = zorya.ask(top_up(amount="1500", id="big"), "broken").text
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(text)
    assert "1,500.00" in text
    assert zorya.facts(top_up(amount="1500"), "broken")["amount"] == {"amount": "1500.00", "currency": "MXN"}
    assert zorya.facts(get_balance(), "broken")["balance"]["amount"] == "996999.98"


def test_the_header_outranks_the_number_and_the_number_chance(zorya: Caller, control: httpx.Client) -> None:
    put(control, "/chaos", seed=1, modes={"500": 1})
    put(control, "/numbers/525545891076", modes="429", times=2)
    assert isinstance(zorya.do(top_up(), "ok"), Done)
    assert isinstance(zorya.do(top_up()), NotSent)  # the first of two: the header came first, the number was counted
    assert isinstance(zorya.do(top_up()), MayHaveBeenSent)
    put(control, "/chaos")
    assert isinstance(zorya.do(top_up()), Done)


def test_a_number_s_modes_can_be_undone(zorya: Caller, control: httpx.Client) -> None:
    put(control, "/numbers/525545891076", modes="429")
    assert [type(zorya.do(top_up())) for _ in range(3)] == [NotSent] * 3
    assert control.delete("/numbers/525545891076").status_code == 204
    assert isinstance(zorya.do(top_up()), Done)


def test_the_same_seed_misbehaves_the_same_way(zorya: Caller, control: httpx.Client) -> None:
    def run(seed: int) -> list[str]:
        put(control, "/chaos", seed=seed, modes={"500": 0.2, "garbage": 0.2, "code": 0.2, "reset_after": 0.2})
        return [repr(zorya.do(top_up()))[:30] for _ in range(30)]

    first = run(7)
    assert run(7) == first
    assert run(8) != first
    assert len(set(first)) > 3


@pytest.mark.parametrize("modes", ["nonsense", "slow=soon", "500,429", "code=x"])
def test_a_mode_that_does_not_exist(zorya: Caller, control: httpx.Client, modes: str) -> None:
    with pytest.raises(UnknownModeError):
        read_modes(modes)
    assert zorya.ask(top_up(), modes).status_code == 400
    assert control.put("/numbers/525545891076", json={"modes": modes}).status_code == 400


# --- the report ------------------------------------------------------------------------------------------------------


def report(zorya: Caller, service: Service) -> list[Any]:
    day = service.simulator.now().date()
    command = get_report((day - timedelta(days=1)).isoformat(), (day + timedelta(days=1)).isoformat())
    return report_rows(zorya.facts(command))


def test_the_report_has_what_was_accepted(zorya: Caller, service: Service, make_caller: MakeCaller) -> None:
    first = zorya.facts(top_up())["transaction_id"]
    second = zorya.facts(campaign_top_up(), "broken")["transaction_id"]
    rejected = zorya.do(top_up(amount="30"), "rejected")
    zorya.do(top_up(amount="40"), "timeout_before=0.01")
    assert isinstance(rejected, Refused)
    found = report(zorya, service)
    assert [(row.transaction_id, str(row.amount)) for row in found] == [
        (first, "20.00"),
        (second, "20.00"),
        (rejected.provider_data["txID"], "30.00"),
    ]
    assert found[2].status == "rejected"
    assert report(make_caller(OTHER_CLIENT, OTHER_PASSWORD), service) == []


def test_the_report_is_of_days_in_mexico(zorya: Caller, service: Service) -> None:
    zorya.facts(top_up())
    day = service.simulator.now().date()
    for shift, count in ((-1, 0), (0, 1), (1, 0)):
        there = (day + timedelta(days=shift)).isoformat()
        assert zorya.facts(get_report(there, there))["count"] == count


def test_a_top_up_that_timed_out_is_found_in_the_report_once_it_is_there(
    zorya: Caller, service: Service, control: httpx.Client
) -> None:
    put(control, "/settings", report_after_s=0.3)
    sent_at = service.simulator.now()
    assert zorya.do(top_up(), "timeout_after=0.01") == MayHaveBeenSent("RemoteProtocolError")
    wanted = OpenTopUp("t-1", NUMBER, Decimal(20), sent_at)
    assert match(wanted, report(zorya, service), set()) is None
    wait_until(lambda: match(wanted, report(zorya, service), set()) is not None)
    row = match(wanted, report(zorya, service), set())
    assert row is not None
    assert row.transaction_id == service.simulator.ledger.rows[0]["txID"]


def test_one_top_up_can_be_reported_later_than_the_others(zorya: Caller, service: Service) -> None:
    zorya.facts(top_up(amount="30"), "unreported=0.3")
    zorya.facts(top_up(amount="40"))
    assert [str(row.amount) for row in report(zorya, service)] == ["40.00"]
    wait_until(lambda: len(report(zorya, service)) == 2)


def test_the_report_can_say_0_as_the_document_s_example_does(
    zorya: Caller, service: Service, control: httpx.Client, endpoint: Endpoint
) -> None:
    put(control, "/settings", reported_status=0)
    zorya.facts(top_up())
    endpoint.wait_for(1)
    (row,) = report(zorya, service)
    assert (row.provider_code, row.status) == ("0", "unknown")


MISCHIEF = {
    "reset_after": 0.1,
    "close_after": 0.1,
    "500": 0.1,
    "500_after": 0.1,
    "garbage": 0.1,
    "garbage_before": 0.05,
    "no_txid": 0.1,
    "broken": 0.1,
    "rejected": 0.05,
    "code": 0.05,
    "429": 0.05,
}


@pytest.mark.parametrize("seed", range(6))
def test_every_peso_is_accounted_for(zorya: Caller, service: Service, control: httpx.Client, seed: int) -> None:
    """Equal top-ups of few numbers, an API at its worst: what is not answered is settled by the report, each once."""
    put(control, "/chaos", seed=seed, modes=MISCHIEF)
    unknown, known, refused = [], [], []
    for number in range(60):
        to = f"+52551234000{number % 4}"
        sent_at = service.simulator.now()
        match zorya.do(top_up(id=f"t-{number}", to=to)):
            case Done(facts):
                known.append(facts["transaction_id"])
            case Refused(_, _, provider_data):
                refused.append(transaction_of(provider_data))
            case MayHaveBeenSent(_, facts):
                unknown.append(OpenTopUp(f"t-{number}", to, Decimal(20), sent_at, None, facts.get("transaction_id")))
    put(control, "/chaos")
    found = match_all(unknown, report(zorya, service), {*known, *filter(None, refused)})
    settled = [row.transaction_id for row in found.values()]
    assert sorted(known + settled) == sorted(row["txID"] for row in service.simulator.ledger.rows)
    assert len(unknown) > len(settled) > 5
    assert service.simulator.spent == Decimal("20.01") * (len(known) + len(settled))


# --- callbacks -------------------------------------------------------------------------------------------------------

PUSH = "/zorya/{account}/{clientID}/{txID}/{status}"


class Told(NamedTuple):
    """What a callback tells, verified and read as Hookline does."""

    data: Any
    fields: Mapping[str, Any]


def tell(arrived: Arrived) -> Told:
    names = arrived.path.split("/")[2:]
    route = PUSH if len(names) == 4 else f"/zorya/{{account}}/{names[1]}"
    path = dict(zip(("account", "clientID", "txID", "status"), names, strict=False)) if route == PUSH else {}
    request = Request(b"", arrived.body, arrived.headers, path, route)
    assert route in ROUTES
    verdict = verify(request, ReceivingAccount("acme-mx", (SECRET.encode(),), ReceiveSettings()), time.time())
    assert isinstance(verdict, Verified), verdict
    fields = read_fields(verdict.payload)
    return Told(normalise(verdict.kind, fields, {"timezone": ZONE.key}).data, fields)


def test_a_message_s_callbacks(zorya: Caller, endpoint: Endpoint) -> None:
    sent = zorya.facts(send_sms(text="hello, reply please"))["message_id"]
    first, second, reply = (tell(arrived).data for arrived in endpoint.wait_for(3))
    assert isinstance(first, SmsStatusUpdated)
    assert (first.message_id, first.status, first.to, first.segments) == (sent, "sent", NUMBER, 1)
    assert isinstance(second, SmsStatusUpdated)
    assert (second.message_id, second.status, second.final) == (sent, "delivered", True)
    assert isinstance(reply, SmsReceived)
    assert (reply.from_, reply.text) == (NUMBER, "Sí, gracias")


def test_a_top_up_s_status_is_pushed(zorya: Caller, service: Service, endpoint: Endpoint) -> None:
    sent = zorya.facts(top_up())["transaction_id"]
    (arrived,) = endpoint.wait_for(1)
    assert arrived.path == f"/zorya/acme-mx/{CLIENT}/{sent}/103"
    told = tell(arrived)
    assert isinstance(told.data, TopUpStatusUpdated)
    assert (told.data.status, told.data.transaction_id, told.data.to) == ("succeeded", sent, NUMBER)
    assert told.data.amount is not None
    assert str(told.data.amount.amount) == "20.00"
    assert told.data.unconfirmed == []
    assert [row.status for row in report(zorya, service)] == ["succeeded"]


def test_bare_claims_leave_ids_to_the_address(zorya: Caller, control: httpx.Client, endpoint: Endpoint) -> None:
    put(control, "/callbacks", bare=True)
    zorya.facts(top_up())
    (arrived,) = endpoint.wait_for(1)
    assert tell(arrived).data.unconfirmed == ["clientID", "txID"]


@pytest.mark.parametrize("location", ["body", "field", "header"])
def test_the_token_stands_where_it_is_told_to(
    zorya: Caller, control: httpx.Client, endpoint: Endpoint, location: str
) -> None:
    put(control, "/callbacks", location=location, times=True)
    zorya.facts(top_up())
    (arrived,) = endpoint.wait_for(1)
    assert tell(arrived).fields["claims"]["exp"] - tell(arrived).fields["claims"]["iat"] == 300
    assert arrived.headers.get("authorization", "").startswith("Bearer ") == (location == "header")
    assert arrived.body.startswith(b"{") == (location == "field")


def statuses(endpoint: Endpoint, count: int) -> list[str]:
    return [tell(arrived).data.provider_code for arrived in endpoint.wait_for(count)]


LATER: tuple[Case[tuple[BaseCommand, str], list[str]], ...] = (
    Case("a message", (send_sms(), ""), ["200", "201"]),
    Case("a message, out of order", (send_sms(), "out_of_order"), ["201", "200"]),
    Case("a message that fails", (send_sms(), "failed"), ["200", "-208"]),
    Case("a message, twice", (send_sms(), "duplicate"), ["200", "200", "201", "201"]),
    Case("a message, no callback", (send_sms(), "no_callback"), []),
    Case("a top-up, out of order", (top_up(), "out_of_order"), ["103", "102"]),
    Case("a top-up that fails", (top_up(), "failed"), ["-105"]),
    Case("a top-up that fails, out of order", (top_up(), "failed,out_of_order"), ["-105", "102"]),
    Case("a top-up, twice", (top_up(), "duplicate"), ["103", "103"]),
    Case("a top-up, no callback", (top_up(), "no_callback"), []),
    Case("a top-up that times out", (top_up(), "timeout_after=0.01,duplicate"), ["103", "103"]),
    Case("a top-up that never was", (top_up(), "timeout_before=0.01"), []),
    Case("a top-up that was rejected", (top_up(), "rejected"), []),
)


@table("case", LATER)
def test_what_comes_later(zorya: Caller, endpoint: Endpoint, case: Case[tuple[BaseCommand, str], list[str]]) -> None:
    zorya.do(*case.given)
    assert statuses(endpoint, len(case.expected)) == case.expected


@pytest.mark.parametrize(("mode", "different"), [("duplicate", 1), ("duplicate_new", 2)])
@pytest.mark.parametrize("times", [False, True])
def test_a_second_copy_is_the_same_bytes_or_signed_anew(
    zorya: Caller, control: httpx.Client, endpoint: Endpoint, mode: str, different: int, *, times: bool
) -> None:
    put(control, "/callbacks", times=times)
    zorya.facts(top_up(), mode)
    arrived = endpoint.wait_for(2)
    assert len({each.body for each in arrived}) == different
    assert [tell(each).data.status for each in arrived] == ["succeeded"] * 2


def test_callbacks_come_before_the_answer(zorya: Caller, endpoint: Endpoint) -> None:
    sent = zorya.facts(top_up(), "early")
    assert len(endpoint.arrived) == 1
    assert tell(endpoint.arrived[0]).data.transaction_id == sent["transaction_id"]
    assert sent["status"] == "received"


def test_callbacks_come_late(zorya: Caller, service: Service, endpoint: Endpoint) -> None:
    started = time.monotonic()
    zorya.facts(top_up(), "late=0.3")
    wait_until(lambda: report(zorya, service)[0].status == "succeeded")
    assert endpoint.arrived == []
    assert endpoint.wait_for(1)[0].at - started > 0.3


def test_a_top_up_that_fails_gives_its_money_back(
    zorya: Caller, service: Service, control: httpx.Client, endpoint: Endpoint
) -> None:
    zorya.facts(top_up(), "failed")
    endpoint.wait_for(1)
    assert rows(service, "kind", "spent") == [
        {"kind": "top_up", "spent": "20.01"},
        {"kind": "refund", "spent": "-20.01"},
    ]
    assert control.get("/money").json()["spent"] == "0.00"
    assert [row.status for row in report(zorya, service)] == ["failed"]


def test_a_message_s_status_follows_its_callbacks(zorya: Caller, endpoint: Endpoint) -> None:
    good, bad = (zorya.facts(send_sms(), mode)["message_id"] for mode in ("", "failed"))
    endpoint.wait_for(4)
    assert zorya.facts(get_status(good))["provider_code"] == "103"
    assert zorya.facts(get_status(bad))["provider_code"] == "-105"


def test_what_comes_out_of_order_is_old_news(zorya: Caller, service: Service, endpoint: Endpoint) -> None:
    zorya.facts(top_up(), "out_of_order")
    message = zorya.facts(send_sms(), "failed,out_of_order")["message_id"]
    endpoint.wait_for(4)
    assert [row.provider_code for row in report(zorya, service)] == ["103"]
    assert zorya.facts(get_status(message))["provider_code"] == "-105"


def test_a_callback_that_is_not_acknowledged_comes_again(
    zorya: Caller, control: httpx.Client, endpoint: Endpoint
) -> None:
    endpoint.statuses = [503, 401]
    zorya.facts(top_up())
    assert len({arrived.body for arrived in endpoint.wait_for(3)}) == 1
    said = control.get("/callbacks").json()
    assert [attempt["answer"] for attempt in said["attempts"]] == [503, 401, 200]
    assert (said["pending"], said["gave_up"]) == (0, 0)


def test_a_callback_is_given_up(zorya: Caller, control: httpx.Client, endpoint: Endpoint) -> None:
    put(control, "/callbacks", retries=1, push_url="http://127.0.0.1:9/nobody")
    zorya.facts(top_up())
    wait_until(lambda: control.get("/callbacks").json()["gave_up"] == 1)
    assert [attempt["answer"] for attempt in control.get("/callbacks").json()["attempts"]] == ["ConnectError"] * 2
    assert endpoint.arrived == []


def test_a_host_of_this_machine_is_named_and_not_looked_up(
    zorya: Caller, control: httpx.Client, endpoint: Endpoint, listening: tuple[Endpoint, str]
) -> None:
    port = listening[1].rpartition(":")[2]
    put(control, "/callbacks", push_url=f"http://abc.execute-api.localhost:{port}/zorya/acme-mx")
    zorya.facts(top_up())
    (arrived,) = endpoint.wait_for(1)
    assert arrived.headers["host"] == f"abc.execute-api.localhost:{port}"


def test_a_client_can_have_callbacks_of_its_own(
    zorya: Caller,
    make_caller: MakeCaller,
    control: httpx.Client,
    endpoint: Endpoint,
    listening: tuple[Endpoint, str],
) -> None:
    put(control, "/callbacks", clientID=OTHER_CLIENT, push_url=f"{listening[1]}/zorya/umbrella-mx")
    zorya.facts(top_up())
    make_caller(OTHER_CLIENT, OTHER_PASSWORD).facts(top_up())
    assert {arrived.path.split("/")[2] for arrived in endpoint.wait_for(2)} == {"acme-mx", "umbrella-mx"}


# --- the ledger, the command, the documentation ----------------------------------------------------------------------


def test_the_file_has_what_the_memory_has(zorya: Caller, service: Service) -> None:
    for command in (top_up(), send_sms(), look_up(), campaign_top_up()):
        zorya.facts(command)
    written = [json.loads(line) for line in service.ledger.read_text().splitlines()]
    assert written == service.simulator.ledger.rows
    assert sum(Decimal(row["spent"]) for row in written) == service.simulator.spent


def test_money_that_another_run_spent_stays_spent(tmp_path: Path, make_caller: MakeCaller) -> None:
    ledger = tmp_path / "accepted.jsonl"
    for expected in ("999979.99", "999959.98"):
        with serve(Simulator(ledger=ledger)) as url:
            caller = make_caller(url=url)
            caller.facts(top_up())
            assert caller.facts(get_balance())["balance"]["amount"] == expected


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/callbacks", {"secrets": "x"}),
        ("/callbacks", {"algorithm": "none"}),
        ("/settings", {"balance": "a lot"}),
        ("/chaos", {"modes": {"500": 2}}),
        ("/chaos", {"modes": {"nonsense": 1}}),
        ("/numbers/52", {"modes": "ok", "times": 0}),
    ],
)
def test_what_can_t_be_set(control: httpx.Client, path: str, body: dict[str, Any]) -> None:
    assert control.put(path, json=body).status_code == 400


def test_a_secret_shows_nowhere(control: httpx.Client) -> None:
    assert SECRET not in repr(CallbackSettings(secret=SECRET))
    assert SECRET not in control.put("/callbacks", json={"secret": [SECRET]}).text


def test_defaults_are_the_documentation_s() -> None:
    assert Settings().balance == 1_000_000
    assert Settings().campaigns == {"campaignTest1": Decimal("20.00")}


def test_the_command(
    tmp_path: Path, make_caller: MakeCaller, endpoint: Endpoint, listening: tuple[Endpoint, str]
) -> None:
    secret, ledger, credentials = tmp_path / "secret", tmp_path / "ledger.jsonl", tmp_path / "credentials.json"
    secret.write_text(SECRET + "\n")
    credentials.write_text(json.dumps({CLIENT: PASSWORD}))
    options = {
        "--ledger": ledger,
        "--callback-url": f"{listening[1]}/zorya/acme-mx/",
        "--secret-file": secret,
        "--credentials-file": credentials,
        "--delay": 0.01,
        "--balance": 100,
    }
    arguments = [str(part) for pair in options.items() for part in pair]
    command = [sys.executable, "-m", "simulators.zorya", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[-1]
            assert url.startswith("http://127.0.0.1:")
            caller = make_caller(url=url)
            caller.facts(top_up())
            assert statuses(endpoint, 1) == ["103"]
            assert caller.facts(get_balance())["balance"]["amount"] == "79.99"
        finally:
            process.terminate()
    assert len(ledger.read_text().splitlines()) == 1


def test_the_command_wants_a_secret_to_sign_with() -> None:
    command = [sys.executable, "-m", "simulators.zorya", "--callback-url", "http://localhost:1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 2
    assert "--secret-file" in done.stderr


def test_the_documentation_has_every_mode_and_every_number() -> None:
    documented = re.findall(
        r"^\| ((?:`[a-z0-9_]+`(?:, )?)+) \|.*\| ([0-9, ]*)\|$", simulators.zorya.__doc__ or "", re.MULTILINE
    )
    modes = {mode: numbers for names, numbers in documented for mode in re.findall("`([^`]+)`", names)}
    assert set(modes) == {mode.value for mode in Mode}
    assert {number for numbers in modes.values() for number in re.findall("[0-9]+", numbers)} == set(NUMBERS)
    for number, mode in NUMBERS.items():
        assert number in modes[mode]
