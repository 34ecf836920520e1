"""Our requests against the stand-in for Zoom Connect, over real HTTP: what it took is what we say it took."""

import logging
from collections.abc import Iterator, Sequence

import httpx
import pytest

from hookline.commands import BaseCommand
from hookline.outcomes import Answer, Done, MayHaveBeenSent, NotSent, Outcome, Refused, outcome_of_error
from hookline.providers.zoom_connect.rest import SENDING, Account
from simulators.common import serve
from simulators.zoom_connect import Simulator
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
from tests.samples import NUMBER, OTHER_NUMBER, OTHER_TEXT, TEXT
from tests.simulators.zoom_connect.stand_in import PATIENCE_S, connect

SOON = "2099-12-01T12:00:30+02:00"


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    return Simulator(credentials={EMAIL: API_TOKEN}, hang_s=2 * PATIENCE_S)


@pytest.fixture(scope="module")
def provider(simulator: Simulator) -> Iterator[str]:
    """A running stand-in; its base URL. httpx logs whole URLs, and one of the authentications is in them."""
    logger = logging.getLogger("httpx")
    level = logger.level
    logger.setLevel(logging.WARNING)
    with serve(simulator) as url:
        yield f"{url}/app/api/rest/v1"
    logger.setLevel(level)


def done(commands: Sequence[BaseCommand], of: Account, simulate: str = "") -> list[Outcome]:
    """Do commands as the use case does, but for the journal: plan, request, read."""
    outcomes: list[Outcome] = []
    with connect("", timeout=PATIENCE_S) as client:
        for planned in SENDING.plan(commands, of, ""):
            call = planned.call
            headers = {**call.headers, "x-simulate": simulate}
            try:
                response = client.request(call.method, call.url, headers=headers, content=call.content)
            except httpx.HTTPError as error:
                outcomes += [outcome_of_error(error)] * call.size
            else:
                answer = Answer(response.status_code, response.headers, response.content)
                outcomes += SENDING.read(planned.commands, of, answer)
    return outcomes


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_messages_arrive_whole_and_come_back_with_their_own_ids(
    simulator: Simulator, provider: str, encoding: str, auth: str
) -> None:
    commands = [
        send_sms(1),
        send_sms(2, to=f"+{OTHER_NUMBER}", text=OTHER_TEXT, campaign="shoes & <boots>"),
        send_sms(3, text="a\r\nb\u2028 ~*+%€", send_at=SOON),
        send_sms(4),
    ]
    before = len(simulator.ledger.rows)
    outcomes = done(commands, account(base_url=provider, encoding=encoding, auth=auth, max_batch=3))
    rows = simulator.ledger.rows[before:]
    assert [outcome.facts["message_id"] for outcome in outcomes if isinstance(outcome, Done)] == [
        row["id"] for row in rows
    ]
    names = ("recipient", "message", "campaign", "dataField", "dateToSend")
    assert [tuple(row[name] for name in names) for row in rows] == [
        (NUMBER, TEXT, None, commands[0].token, None),
        (OTHER_NUMBER, OTHER_TEXT, "shoes & <boots>", commands[1].token, None),
        (NUMBER, "a\r\nb\u2028 ~*+%€", None, commands[2].token, "209912011201"),
        (NUMBER, TEXT, None, commands[3].token, None),
    ]
    assert [outcome.facts["segments"] for outcome in outcomes if isinstance(outcome, Done)] == [
        row["segments"] for row in rows
    ]
    assert len({row["request_id"] for row in rows}) == (4 if encoding == "url-parameters" else 2)


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_balance_is_reported(simulator: Simulator, provider: str, encoding: str, auth: str) -> None:
    (outcome,) = done([get_balance()], account(base_url=provider, encoding=encoding, auth=auth))
    left = f"{simulator.credit_balance():.1f}"
    assert outcome == Done({"balance": {"amount": left, "currency": None}, "unit": "credits"}, {"creditBalance": left})


@pytest.mark.parametrize("auth", AUTHS)
def test_wrong_credentials_lose_no_command(simulator: Simulator, provider: str, auth: str) -> None:
    before = len(simulator.ledger.rows)
    wrong = account(base_url=provider, auth=auth, token=f"{API_TOKEN}x")
    assert done([*sends(2), get_balance()], wrong) == [NotSent("credentials_refused", 300.0)] * 3
    assert len(simulator.ledger.rows) == before


def test_a_wrong_address_loses_no_command(provider: str) -> None:
    (outcome,) = done([send_sms()], account(base_url=f"{provider}/v2"))
    assert outcome == NotSent("address_not_found", 300.0)


MODES = (
    Case("slow=0.05", ("",) * 3, Done),
    Case("timeout_before", ("ReadTimeout",) * 3, MayHaveBeenSent),
    Case("timeout_after", ("ReadTimeout",) * 3, MayHaveBeenSent),
    Case("reset_after", ("ReadError",) * 3, MayHaveBeenSent),
    Case("close_after", ("RemoteProtocolError",) * 3, MayHaveBeenSent),
    Case("500", ("server_error",) * 3, MayHaveBeenSent),
    Case("500_after", ("server_error",) * 3, MayHaveBeenSent),
    Case("400", ("",) * 3, Refused),
    Case("401", ("credentials_refused",) * 3, NotSent),
    Case("403", ("forbidden",) * 3, NotSent),
    Case("429=7", ("too_many_requests",) * 3, NotSent),
    Case("garbage", ("answer_not_understood",) * 3, MayHaveBeenSent),
    Case("garbage_before", ("answer_not_understood",) * 3, MayHaveBeenSent),
)


@pytest.mark.parametrize("encoding", ENCODINGS)
@table("case", MODES)
def test_a_single_send_and_everything_that_can_go_wrong(
    simulator: Simulator, provider: str, case: Case[tuple[str, str, str], type[Outcome]], encoding: str
) -> None:
    before = len(simulator.ledger.rows)
    (outcome,) = done([send_sms()], account(base_url=provider, encoding=encoding), case.id)
    accepted = len(simulator.ledger.rows) - before
    assert isinstance(outcome, case.expected)
    assert getattr(outcome, "why", "") == case.given[ENCODINGS.index(encoding)]
    if isinstance(outcome, Done):
        assert accepted == 1
    if isinstance(outcome, Refused):
        assert (outcome.code, outcome.text) == ("2", "Invalid mobile number")
    if isinstance(outcome, Refused | NotSent):
        assert accepted == 0
    if case.id == "429=7":
        assert outcome == NotSent("too_many_requests", 7.0)


BULK_MODES = (
    Case("400", "json", NotSent("bulk_refused", split=True)),
    Case("400", "xml", NotSent("bulk_refused", split=True)),
    Case("short_bulk", "json", MayHaveBeenSent("answer_of_another_length")),
    Case("short_bulk=2", "xml", MayHaveBeenSent("answer_of_another_length")),
    Case("short_bulk=3", "json", MayHaveBeenSent("answer_of_another_length")),
    Case("short_bulk=3", "xml", MayHaveBeenSent("answer_not_understood")),
    Case("garbage", "json", MayHaveBeenSent("answer_not_understood")),
    Case("500", "xml", MayHaveBeenSent("server_error")),
    Case("reset_after", "xml", MayHaveBeenSent("ReadError")),
    Case("429", "xml", NotSent("too_many_requests", 2.0)),
)


@pytest.mark.parametrize("case", BULK_MODES, ids=[f"{case.id} {case.given}" for case in BULK_MODES])
def test_a_bulk_send_and_what_can_go_wrong_with_the_whole(
    simulator: Simulator, provider: str, case: Case[str, Outcome]
) -> None:
    before = len(simulator.ledger.rows)
    outcomes = done(sends(3), account(base_url=provider, encoding=case.given), case.id)
    assert outcomes == [case.expected] * 3
    if isinstance(case.expected, NotSent):
        assert len(simulator.ledger.rows) == before


@pytest.mark.parametrize("encoding", ["json", "xml"])
def test_one_refused_number_of_many_harms_no_other(simulator: Simulator, provider: str, encoding: str) -> None:
    commands = [send_sms(1), send_sms(2, to="+27820990400"), send_sms(3)]
    before = len(simulator.ledger.rows)
    first, refused, third = done(commands, account(base_url=provider, encoding=encoding))
    assert isinstance(first, Done)
    assert isinstance(third, Done)
    assert refused == Refused("error", "Invalid mobile number", {"messageId": None, "error": "Invalid mobile number"})
    assert [row["dataField"] for row in simulator.ledger.rows[before:]] == [commands[0].token, commands[2].token]


def test_nobody_at_home_is_not_sent() -> None:
    assert done([send_sms()], account(base_url="http://127.0.0.1:9")) == [NotSent("ConnectError")]
