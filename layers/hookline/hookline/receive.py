"""Receiving a callback: an HTTP API event in, an HTTP answer out, one conditional write in between.

The answers are the design's: 2xx means stored, once; anything else means that nothing happened.

| what came | answer |
| --- | --- |
| verified, new | 200 |
| verified, an exact repeat | 200, nothing produced |
| verified, another callback's identity | 409, nothing stored |
| bad, missing or unknown signature, unknown account, expired, too far ahead, another address | 401, the same for all |
| malformed, over 64 KiB | 400, 413, with what was wrong |
| journal or accounts unreachable, account not usable | 503 with `Retry-After` |
"""

import base64
import binascii
import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from hookline.accounts import Accounts, is_account_name
from hookline.callbacks import CallbackProvider, Reason, ReceivingAccount, Refused, Request, Verified, Warned
from hookline.errors import (
    AccountNotFoundError,
    AccountSettingsError,
    AccountsUnavailableError,
    HooklineError,
    JournalUnavailableError,
)
from hookline.journal import Journal, Written
from hookline.telemetry import Telemetry

RETRY_AFTER_SECONDS = 5

type Answer = dict[str, Any]

_STATUS = {Reason.MALFORMED: 400, Reason.TOO_LARGE: 413}
_UNAUTHORISED = 401
_RESULTS_OF_ERRORS: Mapping[type[HooklineError], str] = {
    AccountSettingsError: "account_not_usable",
    AccountsUnavailableError: "accounts_unavailable",
    JournalUnavailableError: "journal_unavailable",
}


class _Received(NamedTuple):
    result: str
    detail: str
    answer: Answer
    warnings: tuple[Warned, ...] = ()


class Receiver:
    """Receives one provider's callbacks.

    Args:
        provider: its data and pure functions.
        accounts: its accounts, as `hookline.accounts.receiving_account` builds them.
        journal: where callbacks are kept.
        telemetry: says what happened.
        clock: seconds since the epoch, UTC.
    """

    def __init__(
        self,
        provider: CallbackProvider,
        accounts: Accounts[ReceivingAccount],
        journal: Journal,
        telemetry: Telemetry,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._provider = provider
        self._accounts = accounts
        self._journal = journal
        self._telemetry = telemetry
        self._clock = clock
        # An unknown account is verified against a secret that nobody has: the same work, the same answer.
        self._nobody = ReceivingAccount("", (os.urandom(32),), provider.read_settings({}))

    def __call__(self, event: Mapping[str, Any]) -> Answer:
        """Answer an HTTP API event (payload format 2.0).

        Every callback ends as one line of telemetry, after one more for each warning.
        """
        received = self._receive(event)
        account = _printable(_within(event, "pathParameters", "account"))
        for warning in received.warnings:
            dimensions = {"provider": self._provider.name, "warning": warning.value}
            self._telemetry.count("warnings", dimensions=dimensions, account=account)
        self._telemetry.count(
            "callbacks",
            dimensions={"provider": self._provider.name, "result": received.result},
            account=account,
            detail=received.detail or None,
            request_id=_within(event, "requestContext", "requestId"),
        )
        return received.answer

    def _receive(self, event: Mapping[str, Any]) -> _Received:
        request = read_request(event)
        if isinstance(request, Refused):
            return _refuse(request)
        try:
            name = request.path.get("account", "")
            now = self._clock()
            account, verdict = self._verify(name, request, now)
            if isinstance(verdict, Refused) and (verdict.reason in _STATUS or account is not self._nobody):
                return _refuse(verdict)
            if isinstance(verdict, Refused) or account is self._nobody:
                return _Received("unknown_account", "", _answer(_UNAUTHORISED, _UNAUTHORISED_BODY))
            return self._store(account, verdict, now)
        except (AccountSettingsError, AccountsUnavailableError, JournalUnavailableError) as error:
            return _Received(_RESULTS_OF_ERRORS[type(error)], str(error), _try_again())

    def _verify(self, name: str, request: Request, now: float) -> tuple[ReceivingAccount, Verified | Refused]:
        verify = self._provider.verify
        try:
            account = self._accounts.find(name)
        except AccountNotFoundError:
            return self._nobody, verify(request, self._nobody, now)
        verdict = verify(request, account, now)
        if isinstance(verdict, Refused) and verdict.reason is Reason.SIGNATURE:
            # Perhaps the account has a new secret that we have not seen yet.
            newer = self._accounts.find_again(name)
            if newer is not None and newer != account:
                return newer, verify(request, newer, now)
        return account, verdict

    def _store(self, account: ReceivingAccount, verified: Verified, now: float) -> _Received:
        provider = self._provider
        written = self._journal.store_callback(
            verified,
            provider=provider.name,
            account=account.name,
            settings=provider.normaliser_settings(account.settings),
            replay_window=provider.replay_window(account.settings),
            now=now,
        )
        if written is Written.CONFLICT:
            detail = "another callback with this identity was accepted before"
            return _Received(written.value, detail, _answer(409, {"error": detail}))
        return _Received(written.value, "", {**_OK, "body": provider.acknowledgement}, verified.warnings)


def read_request(event: Mapping[str, Any]) -> Request | Refused:
    """Read an HTTP API event (payload format 2.0) into what came over the wire; refuse what can't be one."""
    headers, path = event.get("headers") or {}, event.get("pathParameters") or {}
    try:
        body = (event.get("body") or "").encode("utf-8", "surrogatepass")
        query = (event.get("rawQueryString") or "").encode("utf-8", "surrogatepass")
        route = (event.get("routeKey") or "").partition(" ")[2]
        "".join((*headers.values(), *path.values(), route))  # the quickest way to see that all of them are texts
    except (AttributeError, TypeError):
        return Refused(Reason.MALFORMED, "this is no event of an HTTP API, payload format 2.0")
    if event.get("isBase64Encoded"):
        try:
            body = base64.b64decode(body, validate=True)
        except binascii.Error:
            return Refused(Reason.MALFORMED, "the body is not base64 though it is said to be")
    return Request(query, body, headers, path, route)


def _within(event: Mapping[str, Any], part: str, name: str) -> str | None:
    inner = event.get(part)
    value = inner.get(name) if isinstance(inner, Mapping) else None
    return value if isinstance(value, str) else None


def _refuse(refused: Refused) -> _Received:
    status = _STATUS.get(refused.reason, _UNAUTHORISED)
    body = _UNAUTHORISED_BODY if status == _UNAUTHORISED else {"error": refused.detail}
    return _Received(refused.reason.value, refused.detail, _answer(status, body))


def _try_again() -> Answer:
    answer = _answer(503, {"error": "not stored; please send it again"})
    return {**answer, "headers": {**answer["headers"], "retry-after": str(RETRY_AFTER_SECONDS)}}


def _answer(status: int, body: Mapping[str, str]) -> Answer:
    return {"statusCode": status, "headers": _HEADERS, "body": json.dumps(body)}


def _printable(account: str | None) -> str | None:
    """Whatever stood in the path may be anything: only what could be a name of ours is written down."""
    return account if account is not None and is_account_name(account) else None


_HEADERS = {"content-type": "application/json"}
_OK: Answer = {"statusCode": 200, "headers": _HEADERS}
_UNAUTHORISED_BODY = {"error": "unauthorised"}
