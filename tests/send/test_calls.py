"""What a call of a provider brings back, and no more of it than can be held; and reports that go to S3."""

import json
from collections.abc import Iterator
from typing import Any, cast

import httpx
import pytest

from hookline.calls import MAX_ANSWER, Caller, Session
from hookline.commands import GetBalance, SendSms, read_command
from hookline.errors import JournalUnavailableError, ReportsUnavailableError
from hookline.outcomes import MayHaveBeenSent, NotSent, Refused
from hookline.reports import MAX_INLINE_BYTES, Reports
from tests.doubles import client_error
from tests.samples import ACCOUNT
from tests.send.toy import TOY
from tests.send.world import Quiet, document, send_sms

BALANCE = cast("GetBalance", read_command({"command": "get_balance", "id": "b", "account": ACCOUNT}))
MESSAGE = cast("SendSms", read_command(send_sms()))
THE_ACCOUNT = TOY.read_account(ACCOUNT, document())


class Endless(httpx.SyncByteStream):
    """A body that has no end; it says how much of it was read."""

    def __init__(self) -> None:
        self.read = 0

    def __iter__(self) -> Iterator[bytes]:
        while True:
            self.read += 1_000_000
            yield b"x" * 1_000_000


def caller(answer: httpx.Response, **token: Any) -> Caller:
    return Caller(TOY, httpx.Client(transport=httpx.MockTransport(lambda _request: answer)), Quiet(), **token)


def session(it: Caller) -> Session:
    found = it.session(THE_ACCOUNT)
    assert isinstance(found, Session)
    return found


def test_an_answer_without_end_is_left_off() -> None:
    body = Endless()
    ((_, outcome),) = session(caller(httpx.Response(200, stream=body))).outcomes([BALANCE])
    assert outcome == Refused("answer_too_large", "the answer is larger than 16 MiB: ask for less", {})
    assert MAX_ANSWER < body.read <= MAX_ANSWER + 2_000_000


def test_after_such_an_answer_nobody_knows_whether_a_message_was_sent() -> None:
    ((_, outcome),) = session(caller(httpx.Response(200, stream=Endless()))).outcomes([MESSAGE])
    assert outcome == MayHaveBeenSent("answer_too_large")


def test_without_a_token_there_is_no_session() -> None:
    it = caller(httpx.Response(200), token=lambda _account, _renew: NotSent("log_in_refused", 5.0))
    assert it.session(THE_ACCOUNT) == NotSent("log_in_refused", 5.0)
    it = caller(httpx.Response(200), token=lambda _account, _renew: Refused("-203", "no", {}))
    assert it.session(THE_ACCOUNT) == NotSent("no_token")


def test_a_token_that_can_not_be_renewed_leaves_it_not_sent() -> None:
    def token(_account: Any, renew: bool) -> str:  # noqa: FBT001  # as it is called
        if renew:
            raise JournalUnavailableError("ThrottlingException")
        return "first"

    stale = httpx.Response(200, json=[["not_sent", {"why": "token_refused", "renew_token": True}]])
    ((_, outcome),) = session(caller(stale, token=token)).outcomes([MESSAGE])
    assert outcome == NotSent("ThrottlingException")
    assert caller(stale, token=token).renewed(THE_ACCOUNT) == NotSent("ThrottlingException")


# --- reports ---------------------------------------------------------------------------------------------------------


class Bucket:
    """S3, as far as reports go."""

    def __init__(self, error: Exception | None = None) -> None:
        self.objects: dict[str, bytes] = {}
        self._error = error

    def put_object(self, **asked: Any) -> None:
        if self._error is not None:
            raise self._error
        self.objects[f"{asked['Bucket']}/{asked['Key']}"] = asked["Body"]


def rows(size: int) -> list[dict[str, str]]:
    one = {"transaction_id": "x" * 1000}
    return [one] * (size // len(json.dumps(one)))


def test_what_fits_an_event_stays_in_it() -> None:
    bucket = Bucket()
    facts = {"count": 1, "rows": rows(MAX_INLINE_BYTES)}
    assert Reports(cast("Any", lambda: bucket), "reports")(BALANCE, facts) is facts
    assert Reports(cast("Any", lambda: bucket), "reports")(BALANCE, {"balance": 1}) == {"balance": 1}
    assert bucket.objects == {}


def test_what_does_not_fit_goes_to_the_bucket_and_the_event_says_where() -> None:
    bucket = Bucket()
    many = rows(MAX_INLINE_BYTES + 5000)
    kept = Reports(cast("Any", lambda: bucket), "reports")(BALANCE, {"count": len(many), "rows": many})
    assert kept == {"count": len(many), "rows": None, "rows_url": f"s3://reports/{ACCOUNT}/{BALANCE.token}.jsonl"}
    (body,) = bucket.objects.values()
    assert [json.loads(line) for line in body.splitlines()] == many


def test_a_bucket_that_does_not_answer_is_an_error_of_ours() -> None:
    bucket = Bucket(client_error("SlowDown", "PutObject"))
    with pytest.raises(ReportsUnavailableError, match="SlowDown"):
        Reports(cast("Any", lambda: bucket), "reports")(BALANCE, {"rows": rows(MAX_INLINE_BYTES * 2)})
