"""The REST API's calls: what each reads, what it answers, and every way of not answering."""

import asyncio
import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from simulators.common import NoAnswer, Row
from simulators.zoom_connect import answers, wire
from simulators.zoom_connect.modes import Mode, Plan, UnknownModeError, make_plan, read_modes
from simulators.zoom_connect.state import Caller, State
from simulators.zoom_connect.wire import Format, Result, Sms

DEFAULT_RETRY_AFTER_S = 2.0
_ERRORS = {Mode.ERROR: (500, wire.INTERNAL), Mode.INVALID_NUMBER: (400, wire.INVALID_NUMBER)}
_PAGES = {Mode.UNAUTHORISED: 401, Mode.FORBIDDEN: 403, Mode.GARBAGE_BEFORE: 200}
BEFORE = frozenset({Mode.TIMEOUT_BEFORE, Mode.TOO_MANY, *_ERRORS, *_PAGES})
"""The modes in which nothing is accepted; in the rest of `modes.ANSWER_MODES` everything is."""

_EXAMPLE = dict(
    zip(wire.FIELDS, ("0000000000", "Test message", "Test campaign", "Test data field", "201404282149"), strict=True)
)
_SUFFIXES = ("", ".json", ".xml")


class Operation(NamedTuple):
    """One call of the API.

    Attributes:
        read: the messages that a request asks to send.
        write: the answer, when all goes well.
        bulk: whether the answer has a part for each message.
    """

    read: Callable[[Request, bytes, Format], list[Sms]]
    write: Callable[[Request, Format, list[Result]], Response]
    bulk: bool = False


class Api:
    """The calls.

    Args:
        state: what the stand-in knows.
        credentials: tokens by email; None lets in whoever brings both.
        hang_s: seconds after which a connection without an answer is closed.
    """

    def __init__(self, state: State, credentials: Mapping[str, str] | None, hang_s: float) -> None:
        self._state = state
        self._credentials = credentials
        self._hang_s = hang_s
        self._request_numbers = itertools.count(1)

    def routes(self) -> list[Route]:
        """Return the routes, below either base path."""
        with_suffixes = [
            ("GET", "/account/balance", _asks(self._balance)),
            ("GET", "/sms/send", _asks(lambda _, how: answers.write_object(how, "sendSmsRequest", _EXAMPLE))),
            ("POST", "/sms/send", Operation(lambda _, body, how: wire.read_single(body, how), _write_single)),
            ("GET", "/sms/send-bulk", _asks(lambda *_: _json({"sendSmsRequests": [_EXAMPLE]}))),
            (
                "POST",
                "/sms/send-bulk",
                Operation(lambda _, body, how: wire.read_bulk(body, how), _write_bulk, bulk=True),
            ),
        ]
        by_parameters = Operation(lambda request, body, _: wire.read_parameters(request.url.query, body), _write_single)
        return [
            *(self._route(method, path + suffix, does) for method, path, does in with_suffixes for suffix in _SUFFIXES),
            self._route("GET", "/sms/send-url-parameters", by_parameters),
            self._route("POST", "/sms/send-url-parameters", by_parameters),
            self._route("GET", "/messages/all", _asks(self._all_messages)),
            self._route("GET", "/messages/{id}", _asks(self._one_message)),
        ]

    def _route(self, method: str, path: str, operation: Operation) -> Route:
        async def endpoint(request: Request) -> Response:
            return await self._exchange(request, operation)

        return Route(path, endpoint, methods=[method])

    async def _exchange(self, request: Request, operation: Operation) -> Response:
        """Treat a call from its first byte to its last."""
        email = self._who(request)
        if email is None:
            return self._refuse(request, Plan(Mode.UNAUTHORISED))
        try:
            asked = read_modes(request.headers.get("x-simulate", ""))
            unread = Mode.TIMEOUT_BEFORE in asked
            messages = [] if unread else operation.read(request, await request.body(), wire.formats(request)[0])
        except UnknownModeError as error:
            return PlainTextResponse(str(error), 400)
        except wire.UnreadableError:
            self._count(request, "unreadable")
            return answers.write_error(wire.formats(request)[1], 400, wire.UNREADABLE)
        except ClientDisconnect:
            self._count(request, "gone")
            return NoAnswer()
        recipients = [message.recipient or "" for message in messages]
        plan = make_plan(asked, recipients, self._state.numbers, self._state.chaos, bulk=operation.bulk)
        if plan.answer in BEFORE:
            await asyncio.sleep(plan.delay_s)
            return self._refuse(request, plan)
        self._count(request, plan.label)
        results = await self._state.accept(self._caller(request, email), plan, messages)
        await asyncio.sleep(plan.delay_s)
        return self._answer(request, plan, operation, results)

    def _who(self, request: Request) -> str | None:
        email, token = wire.read_credentials(request) or (None, None)
        if email is None or (self._credentials is not None and self._credentials.get(email) != token):
            return None
        return email

    def _caller(self, request: Request, email: str) -> Caller:
        number = next(self._request_numbers)
        return Caller(email, request.url.path, request.headers.get("x-request-id") or f"request-{number}")

    def _count(self, request: Request, label: str) -> None:
        self._state.calls[request.method, request.url.path, label] += 1

    def _refuse(self, request: Request, plan: Plan) -> Response:
        """End a call that nothing was accepted of."""
        self._count(request, plan.label)
        if plan.answer is Mode.TIMEOUT_BEFORE:
            return self._hang(plan)
        if plan.answer in _ERRORS:
            return _error(request, *_ERRORS[plan.answer])
        if plan.answer is Mode.TOO_MANY:
            seconds = DEFAULT_RETRY_AFTER_S if plan.amount is None else plan.amount
            return answers.write_page(429, {"retry-after": f"{seconds:.0f}"})
        return answers.write_page(_PAGES[plan.answer])

    def _answer(self, request: Request, plan: Plan, operation: Operation, results: list[Result]) -> Response:
        """End a call whose messages were accepted."""
        match plan.answer:
            case Mode.TIMEOUT_AFTER:
                return self._hang(plan)
            case Mode.RESET_AFTER | Mode.CLOSE_AFTER:
                return NoAnswer(reset=plan.answer is Mode.RESET_AFTER)
            case Mode.ERROR_AFTER:
                return _error(request, 500, wire.INTERNAL)
            case Mode.GARBAGE:
                return answers.write_page(200)
            case Mode.SHORT_BULK if operation.bulk:
                missing = 1 if plan.amount is None else int(plan.amount)
                results = results[: max(0, len(results) - missing)]
        return operation.write(request, wire.formats(request)[1], results)

    def _hang(self, plan: Plan) -> Response:
        return NoAnswer(after_s=self._hang_s if plan.amount is None else plan.amount)

    def _balance(self, _: Request, how: Format) -> Response:
        return answers.write_object(how, "account", {"creditBalance": self._state.credit_balance()})

    def _one_message(self, request: Request, how: Format) -> Response:
        wanted = request.path_params["id"]
        row = next((row for row in self._state.ledger.rows if row["id"] == wanted), None)
        return answers.write_page(404) if row is None else answers.write_object(how, "message", self._describe(row))

    def _all_messages(self, request: Request, _: Format) -> Response:
        wanted = request.query_params
        rows = [
            row
            for row in self._state.ledger.rows
            if wanted.get("dataField") in {None, row["dataField"]}
            and wanted.get("toNumber") in {None, row["recipient"]}
        ]
        page, size = _number(wanted, "page", 1), _number(wanted, "pageSize", 100)
        shown = rows[(page - 1) * size : page * size]
        return _json(
            {
                "page": page,
                "pageSize": size,
                "elements": len(shown),
                "totalElements": len(rows),
                "totalPages": math.ceil(len(rows) / size),
                "webServiceMessages": [self._describe(row) for row in shown],
            }
        )

    def _describe(self, row: Row) -> dict[str, Any]:
        return {
            "messageId": row["id"],
            "messageType": "OUTBOUND",
            "messageStatus": self._state.status_of(row),
            "toNumber": row["recipient"],
            "message": row["message"],
            "campaign": row["campaign"],
            "userDataField": row["dataField"],
            "numberOfMessages": row["segments"],
            "creditCost": float(row["segments"]),
        }


def _asks(write: Callable[[Request, Format], Response]) -> Operation:
    """Make the operation of a call that sends nothing; its body, if it has one, is not read."""
    return Operation(lambda *_: [], lambda request, how, _: write(request, how))


def _write_single(request: Request, how: Format, results: list[Result]) -> Response:
    (result,) = results
    return answers.write_sent(how, result) if result.problem is None else _error(request, 400, result.problem)


def _write_bulk(_: Request, how: Format, results: list[Result]) -> Response:
    return answers.write_bulk(how, results)


def _error(request: Request, status: int, problem: wire.Problem) -> Response:
    return answers.write_error(wire.formats(request)[1], status, problem)


def _json(values: Mapping[str, Any]) -> Response:
    return answers.write_object(Format.JSON, "", values)


def _number(wanted: Mapping[str, str], name: str, default: int) -> int:
    text = wanted.get(name, "")
    return int(text) if text.isdecimal() and int(text) > 0 else default
