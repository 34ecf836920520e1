"""The REST API's methods: what each reads, what it answers, and every way of not answering.

Source: the provider's document, "API Methods".
"""

import asyncio
import itertools
import json
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import unquote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from hookline import sms
from hookline.providers.zorya.products import PRODUCTS
from simulators.common import NoAnswer
from simulators.zorya.answers import Reply, write_page, write_reply
from simulators.zorya.callbacks import ZONE, Transaction
from simulators.zorya.modes import (
    ANSWER_MODES,
    BEFORE,
    QUESTION_MODES,
    Mode,
    Plan,
    UnknownModeError,
    make_plan,
    read_modes,
)
from simulators.zorya.state import State

DEFAULT_RETRY_AFTER_S = 2.0
DEFAULT_CODE = -201
_PAGES = {Mode.ERROR: 500, Mode.UNAUTHORISED: 401, Mode.FORBIDDEN: 403, Mode.GARBAGE_BEFORE: 200}
_WORDS: Mapping[int, str] = {
    400: "Bad Request",
    -201: "Operation failed",
    -202: "Operation not found",
    -203: "Operation denied",
    -204: "Invalid Auth Token",
    -205: "Expired Auth Token",
    -206: "Invalid amount",
    -208: "Destination number invalid",
    -209: "Please retry in 10 minutes",
    -210: "There is not enough funds",
    -211: "Unauthorized destination number",
    -312: "Invalid ClientID",
}
_MSISDN = re.compile(r"52[2-9][0-9]{9}")
_US_DATE = "%m-%d-%Y"


class Asked(NamedTuple):
    """A request, read.

    Attributes:
        client: whose token it came with.
        fields: of its body; numbers are Decimal.
        parts: what follows the method's name in its path.
        plan: how it is to be treated.
        about: what every row of the ledger has of it.
    """

    client: str
    fields: Mapping[str, Any]
    parts: list[str]
    plan: Plan
    about: Mapping[str, Any]

    def text(self, name: str) -> str:
        """Return a field that is a text; "" for anything else."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""

    @property
    def msisdn(self) -> str:
        """The number that it is about; "" where there is none that can be one."""
        number = self.text("MSISDN") or self.text("msisdn")
        return number if _MSISDN.fullmatch(number) else ""


type Operation = Callable[[Asked], Awaitable[Reply]]


class Api:
    """The methods.

    Args:
        state: what the stand-in knows.
        hang_s: seconds after which a connection without an answer is closed.
    """

    def __init__(self, state: State, hang_s: float) -> None:
        self._state = state
        self._hang_s = hang_s
        self._request_numbers = itertools.count(1)

    def routes(self) -> list[Route]:
        """Return the routes."""
        posts: list[tuple[str, Operation, Collection[Mode]]] = [
            ("/v3/api/sendSms", self._send_sms, ANSWER_MODES),
            ("/v1/api/sendSmsLight", self._send_sms, ANSWER_MODES),
            ("/v1/api/sendSmsFlash", self._send_sms, ANSWER_MODES),
            ("/api/executeTopUp", self._top_up, ANSWER_MODES),
            ("/api/executeDirectTopUp", self._direct_top_up, ANSWER_MODES),
            ("/api/executeTopUpCamp", self._campaign_top_up, ANSWER_MODES),
            ("", self._campaign_top_up, ANSWER_MODES),
            ("/v2/api/carrierLookUp", self._look_up, QUESTION_MODES),
            ("/api/carrierLookUp", self._look_up, QUESTION_MODES),
        ]
        gets = [
            ("/auth/api/getAuthToken", None),
            ("/api/getSmsStatus", self._sms_status),
            ("/api/getBalance", self._balance),
            ("/api/getTopUpReport", self._report),
        ]
        return [
            *(self._route("POST", path, slash, does, known) for path, does, known in posts for slash in ("", "/")),
            *(self._route("GET", path, "/{rest:path}", does, QUESTION_MODES) for path, does in gets),
        ]

    def _route(self, verb: str, path: str, rest: str, operation: Operation | None, known: Collection[Mode]) -> Route:
        async def endpoint(request: Request) -> Response:
            raw = request.scope["raw_path"].decode("ascii").removeprefix(path)
            parts = [unquote(part) for part in raw.split("/") if part]
            return await self._exchange(request, path or "/", parts, operation, known)

        return Route(path + rest or "/", endpoint, methods=[verb])

    async def _exchange(
        self, request: Request, path: str, parts: list[str], operation: Operation | None, known: Collection[Mode]
    ) -> Response:
        """Treat a call from its first byte to its last."""
        try:
            asked = read_modes(request.headers.get("x-simulate", ""))
            fields = {} if Mode.TIMEOUT_BEFORE in asked else _read_json(await request.body())
        except UnknownModeError as error:
            return PlainTextResponse(str(error), 400)
        except ClientDisconnect:
            self._state.calls[request.method, path, "gone"] += 1
            return NoAnswer()
        number = fields.get("MSISDN") or fields.get("msisdn") if fields else None
        of_number = self._state.numbers.take(number) if isinstance(number, str) else {}
        plan = make_plan(asked, of_number, self._state.chaos, known)
        self._state.calls[request.method, path, plan.label] += 1
        token = request.headers.get("zrtauth", "")
        if plan.answer in BEFORE and plan.answer is not Mode.REJECTED:
            return self._refuse(plan, token)
        if operation is None:
            reply = self._log_in(parts)
        else:
            reply = await self._do(request, Asked("", fields or {}, parts, plan, {}), fields is None, operation)
        await asyncio.sleep(plan.delay_s)
        return self._answer(plan, reply)

    async def _do(self, request: Request, asked: Asked, unreadable: bool, operation: Operation) -> Reply:  # noqa: FBT001
        client = self._state.tokens.check(request.headers.get("zrtauth", ""))
        if isinstance(client, int):
            return _failure(client)
        if unreadable:
            return _failure(400)
        if (asked.text("clientID") or (asked.parts or [""])[0]) != client:
            return _failure(-312, self._state.new_id())
        request_id = request.headers.get("x-request-id") or f"request-{next(self._request_numbers)}"
        path = request.url.path.rstrip("/") or "/"
        about = {"path": path, "mode": asked.plan.label, "request_id": request_id}
        return await operation(asked._replace(client=client, about=about))

    def _refuse(self, plan: Plan, token: str) -> Response:
        """End a call that nothing was accepted of."""
        match plan.answer:
            case Mode.TIMEOUT_BEFORE:
                return self._hang(plan)
            case Mode.TOO_MANY:
                seconds = DEFAULT_RETRY_AFTER_S if plan.amount is None else plan.amount
                return write_page(429, {"retry-after": f"{seconds:.0f}"})
            case Mode.EXPIRED_TOKEN:
                self._state.tokens.expire(token)
                return write_reply(_failure(-205))
            case Mode.CODE:
                code = DEFAULT_CODE if plan.amount is None else int(plan.amount)
                return write_reply(_failure(code, self._state.new_id()))
        return write_page(_PAGES[plan.answer])

    def _answer(self, plan: Plan, reply: Reply) -> Response:
        """End a call that was done."""
        match plan.answer:
            case Mode.TIMEOUT_AFTER:
                return self._hang(plan)
            case Mode.RESET_AFTER | Mode.CLOSE_AFTER:
                return NoAnswer(reset=plan.answer is Mode.RESET_AFTER)
            case Mode.ERROR_AFTER:
                return write_page(500)
            case Mode.GARBAGE:
                return write_page(200)
            case Mode.NO_TXID:
                reply = reply._replace(transaction_id=None)
        return write_reply(reply, broken=plan.answer is Mode.BROKEN)

    def _hang(self, plan: Plan) -> Response:
        return NoAnswer(after_s=self._hang_s if plan.amount is None else plan.amount)

    # --- the methods -------------------------------------------------------------------------------------------------

    def _log_in(self, parts: list[str]) -> Reply:
        client, password = parts if len(parts) == 2 else ("", "")  # noqa: PLR2004  # clientID and securePassword
        token = self._state.tokens.log_in(client, password, self._state.settings)
        if token is None:
            return _failure(-203)._replace(status=401)
        return Reply(200, "Auth Token generated successfully", response={"zrtauth": token})

    async def _send_sms(self, asked: Asked) -> Reply:
        text, sender = asked.text("message"), asked.text("sender")
        if not text or not sender:
            return _failure(400, self._state.new_id())
        if not asked.msisdn:
            return _failure(-208, self._state.new_id())
        count = sms.count(text)
        made = self._state.transaction(
            kind="sms",
            client=asked.client,
            msisdn=asked.msisdn,
            cost=self._state.settings.sms_cost * count.segments,
            modes=asked.plan.later,
            text=text,
            encoding="GSM-7" if count.encoding == "gsm-7" else "USC-2",
            segments=count.segments,
        )
        light = asked.about["path"].endswith("Light")
        if asked.plan.answer is Mode.REJECTED:
            return Reply(200, "SMS sent successfully", made.id, {"status": "-1", "detail": "Rejected"})
        if made.cost > self._state.balance():
            return _failure(-210, made.id)
        self._state.accept(made, {**asked.about, "message": text, "sender": sender, "segments": made.segments})
        await self._state.callbacks.follow(made)
        detail = {"status": "200", "detail": "Operation Received"}
        return Reply(200, "SMS sent successfully", made.id, detail if light else _sms_response(made))

    async def _top_up(self, asked: Asked) -> Reply:
        amount = asked.fields.get("amount")
        if not isinstance(amount, Decimal) or amount <= 0:
            return _failure(-206, self._state.new_id())
        return await self._spend(asked, amount)

    async def _direct_top_up(self, asked: Asked) -> Reply:
        product, amount = PRODUCTS.get(asked.text("ZCode")), asked.fields.get("amount")
        if product is None:
            return _failure(400, self._state.new_id())
        if amount not in product.amounts or not isinstance(amount, Decimal):
            return _failure(-206, self._state.new_id())
        return await self._spend(asked, amount)

    async def _campaign_top_up(self, asked: Asked) -> Reply:
        amount = self._state.settings.campaigns.get(asked.text("campaign"))
        return _failure(400, self._state.new_id()) if amount is None else await self._spend(asked, amount)

    async def _spend(self, asked: Asked, amount: Decimal) -> Reply:
        if not asked.msisdn:
            return _failure(-208, self._state.new_id())
        made = self._state.transaction(
            kind="top_up",
            client=asked.client,
            msisdn=asked.msisdn,
            cost=amount + self._state.settings.top_up_fee,
            amount=amount,
            modes=asked.plan.later,
        )
        if asked.plan.answer is Mode.REJECTED:
            made.status = -1
            self._state.remember(made)
            return Reply(200, "TopUp Rejected", made.id, _top_up_response(made, "Operation Rejected"))
        if made.cost > self._state.balance():
            return _failure(-210, made.id)
        made.status = 103 if asked.plan.answer is Mode.AT_ONCE else 100
        row = {"amount": format(amount, "f"), "ZCode": asked.text("ZCode"), "campaign": asked.text("campaign")}
        self._state.accept(made, {**asked.about, **row})
        answered = _top_up_response(made, "Operation Received ")
        await self._state.callbacks.follow(made)
        return Reply(200, "TopUp Successfully Received", made.id, answered)

    async def _look_up(self, asked: Asked) -> Reply:
        if not asked.msisdn:
            return Reply(400, "Invalid Destination number", self._state.new_id())
        if self._state.settings.lookup_cost > self._state.balance():
            return _failure(-210, self._state.new_id())
        is_newer = asked.about["path"].startswith("/v2/")
        response: dict[str, Any] = {
            "msisdn": asked.msisdn,
            "mcc": "334",
            "mnc": "020",
            "networkID": "188",
            "network": "Telcel",
            "serviceProviderID": "188",
            "serviceProviderDesc": "Telcel",
            **({"numberType": "1", "isPorted": True, "portingDate": "2022-07-19 02:00"} if is_newer else {}),
            "cost": self._state.settings.lookup_cost,
            "currency": "MXN",
            "detail": "Data obtained from central DB",
            "dateTimeTransaction": self._state.now().strftime(f"{_US_DATE}T%H:%M:%S"),
        }
        transaction_id = self._state.accept_lookup(asked.client, asked.msisdn, asked.about)
        return Reply(200, "CarrierLookUp Successfully Executed", transaction_id, response)

    async def _sms_status(self, asked: Asked) -> Reply:
        made = self._state.transactions.get(asked.parts[-1])
        if made is None or made.kind != "sms" or made.client != asked.client:
            return _failure(-202)
        response = {
            "txID": made.id,
            "carrierID ": 33401,
            "carrierName ": "Telcel",
            "mnc ": "020",
            "mcc ": "334",
            "msisdn": made.msisdn,
            "cost": made.cost,
            "status": made.status,
            "smsCount": made.segments,
            "charactersCount": len(made.text),
            "coding": made.encoding,
            "sentOn": _moment(made.accepted_at).strftime(f"{_US_DATE}T%H:%M:%S"),
        }
        return Reply(200, "Request of transaction Status Successful", response=response)

    async def _balance(self, asked: Asked) -> Reply:
        response = {"clientID": asked.client, "balance": self._state.balance()}
        return Reply(200, "Successfully Obtained Balance", response=response)

    async def _report(self, asked: Asked) -> Reply:
        try:
            first, last = (_day(part) for part in asked.parts[1:])
        except ValueError:
            return _failure(400)
        now = self._state.clock()
        rows = [
            self._report_row(made)
            for made in self._state.transactions.values()
            if made.kind == "top_up"
            and made.client == asked.client
            and made.visible_at <= now
            and first <= _moment(made.accepted_at).date() <= last
        ]
        return Reply(200, "TopUp Report Successful Executed", response=rows, more={"count": len(rows)})

    def _report_row(self, made: Transaction) -> dict[str, Any]:
        done = self._state.settings.reported_status
        return {
            "txID": made.id,
            "carrierId": 79,
            "msisdn": made.msisdn,
            "amount": made.amount,
            "amountCurrency": "MXN",
            "cost": made.cost,
            "status": made.status if made.status != 103 or done is None else done,  # noqa: PLR2004  # Table 2
            "detail": "ServiceProv: 188",
            "dateTimeTransaction": _moment(made.accepted_at).strftime(f"{_US_DATE}T%H:%M:%S"),
            "dateTimeStatus": _moment(made.status_at).strftime(f"{_US_DATE}T%H:%M:%S"),
        }


def _failure(code: int, transaction_id: str | None = None) -> Reply:
    return Reply(code, _WORDS.get(code, "Error"), transaction_id)


def _sms_response(made: Transaction) -> dict[str, Any]:
    return {
        "msisdn": made.msisdn,
        "cost": made.cost,
        "encoding": made.encoding,
        "segments": made.segments,
        "mcc": "334",
        "mnc": "020",
    }


def _top_up_response(made: Transaction, detail: str) -> dict[str, Any]:
    return {
        "status": made.status,
        "msisdn": made.msisdn,
        "amount": made.amount,
        "amountCurrency": "MXN",
        "cost": made.cost,
        "detail": detail,
        "dateTimeTransaction": _moment(made.accepted_at).strftime("%Y-%m-%dT%H:%M:%S"),
    }


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, ZONE)


def _day(text: str) -> date:
    return datetime.strptime(text, _US_DATE).replace(tzinfo=ZONE).date()


def _read_json(body: bytes) -> dict[str, Any] | None:
    """Read a request's object, its numbers as Decimal; empty for no body, None for what is none."""
    if not body:
        return {}
    try:
        document = json.loads(body, parse_float=Decimal, parse_int=Decimal)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
