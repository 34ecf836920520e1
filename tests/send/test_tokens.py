"""Access tokens: one log-in for all copies, renewed by one, and no storm where the password is wrong."""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

from hookline.outcomes import NotSent
from hookline.providers.zorya.rest import SENDING
from hookline.tokens import LEASE_SECONDS, NEW_SECONDS, REFUSED_SECONDS, Tokens
from tests.doubles import Clock, Noted
from tests.providers.zorya.rest_samples import account_of
from tests.send.dynamo import Dynamo, as_client

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

DAY = 24 * 3600.0


class Provider:
    """Answers log-ins, each with another token, or as it is told to."""

    def __init__(self) -> None:
        self.log_ins = 0
        self.answers: list[httpx.Response | Exception] = []

    def __call__(self, _request: httpx.Request) -> httpx.Response:
        self.log_ins += 1
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, BaseException):
                raise answer
            return answer
        return httpx.Response(200, json={"code": 200, "response": {"zrtauth": f"token-{self.log_ins}"}, "error": None})


class Died(BaseException):
    """The process is gone: nothing catches this."""


class Copies:
    """Running copies of a sender that share a table and a provider."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        self.clock, self.provider = Clock(), Provider()
        self.dynamodb, self.table = dynamodb, table
        self.account = account_of()

    def another(self) -> Tokens:
        http = httpx.Client(transport=httpx.MockTransport(self.provider))
        return Tokens(self.dynamodb, self.table, SENDING, http, Noted(), clock=self.clock)


@pytest.fixture(autouse=True)
def _as_the_wiring_has_it(caplog: pytest.LogCaptureFixture) -> None:
    """Httpx logs whole URLs at INFO, and this one holds a password: `hookline.wiring.send` silences it."""
    caplog.set_level(logging.WARNING, "httpx")


@pytest.fixture
def copies(dynamodb: "DynamoDBClient", journal_table: str) -> Copies:
    return Copies(dynamodb, journal_table)


def test_one_log_in_serves_every_copy(copies: Copies) -> None:
    assert [copies.another()(copies.account, False) for _ in range(5)] == ["token-1"] * 5
    assert copies.provider.log_ins == 1


def test_copies_that_want_a_token_at_once_log_in_once() -> None:
    copies = Copies(as_client(Dynamo()), "tokens")  # moto looks and writes in two steps: here is one
    with ThreadPoolExecutor(8) as threads:
        said = list(threads.map(lambda tokens: tokens(copies.account, False), [copies.another() for _ in range(8)]))
    assert copies.provider.log_ins == 1
    assert all(it == "token-1" or (isinstance(it, NotSent) and it.why == "token_being_renewed") for it in said)


def test_a_token_is_renewed_before_its_day_is_over(copies: Copies) -> None:
    tokens = copies.another()
    assert tokens(copies.account, False) == "token-1"
    copies.clock.advance(DAY - 3601)
    assert tokens(copies.account, False) == "token-1"
    copies.clock.advance(2)
    assert tokens(copies.account, False) == "token-2"


def test_a_token_that_was_not_accepted_is_renewed_once_for_all(copies: Copies) -> None:
    first, second = copies.another(), copies.another()
    assert first(copies.account, False) == second(copies.account, False) == "token-1"
    copies.clock.advance(NEW_SECONDS)
    assert first(copies.account, True) == "token-2"
    assert second(copies.account, True) == "token-2", "the one that another copy has fetched since"
    assert copies.provider.log_ins == 2


def test_a_holder_of_the_lock_that_dies_costs_one_more_log_in_after_its_lease(copies: Copies) -> None:
    copies.provider.answers = [Died()]  # type: ignore[list-item]
    with pytest.raises(Died):
        copies.another()(copies.account, False)
    assert copies.another()(copies.account, False) == NotSent("token_being_renewed", 2.0, waits=True)
    copies.clock.advance(LEASE_SECONDS + 1)
    assert copies.another()(copies.account, False) == "token-2"
    assert copies.provider.log_ins == 2


def test_a_wrong_password_is_tried_once_and_then_left_alone_by_everybody(copies: Copies) -> None:
    refusal = httpx.Response(200, json={"code": -203, "message": "Operation denied", "response": None, "error": None})
    copies.provider.answers = [refusal]
    for _ in range(20):
        said = copies.another()(copies.account, False)
        assert isinstance(said, NotSent)
        assert said.why == "credentials_refused"
    assert copies.provider.log_ins == 1
    copies.clock.advance(REFUSED_SECONDS + 1)
    assert copies.another()(copies.account, False) == "token-2"


def test_a_log_in_that_gets_no_answer_gives_the_lock_back(copies: Copies) -> None:
    copies.provider.answers = [httpx.ReadTimeout("late")]
    assert copies.another()(copies.account, False) == NotSent("log_in_ReadTimeout")
    assert copies.another()(copies.account, False) == "token-2"
