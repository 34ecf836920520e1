"""The callbacks that follow what was accepted: JWTs, as Zorya sends them.

Source: the provider's document, "Webhooks", `pushStatus`, `moSMSCallback`, `mtSMSCallback`.
"""

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

import httpx
from jwt.api_jws import PyJWS
from pydantic import BaseModel, ConfigDict, Field

from simulators.common import LOOPBACK
from simulators.zorya.answers import write_json
from simulators.zorya.modes import Mode, Modes

ZONE = ZoneInfo("America/Mexico_City")
REPLY_MARKER = "reply please"
DEFAULT_LATE_S = 2.0
_TIMEOUT = httpx.Timeout(30.0)
_CONCURRENCY = 16
_JWS = PyJWS()
_MT_WORDS = {200: "SMS sent successfully", 201: "SMS Delivered successfully", -208: "SMS ERROR"}


class CallbackSettings(BaseModel):
    """Where a client's callbacks go, and how.

    A host that ends in `.localhost` is taken as this machine, and named in the `Host` header.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    mo_url: str | None = None
    mt_url: str | None = None
    push_url: str | None = None
    """`/<clientID>/<txID>/<status>` is added to it."""
    secret: str = Field("", repr=False)
    """What callbacks are signed with."""
    algorithm: Literal["HS256", "HS384", "HS512"] = "HS256"
    location: Literal["body", "field", "header"] = "body"
    """Where the token stands: alone in the body, as `token` of a JSON object, or in `Authorization`."""
    times: bool = False
    """Put `iat` and `exp` (five minutes later) into the claims."""
    bare: bool = False
    """Leave `clientID` and `txID` of `pushStatus` to the address alone."""
    delay_s: float = Field(0.1, ge=0)
    """From accepting to the first callback, and from each to the next."""
    reply: bool = False
    """Reply to every message, not only to those that ask for it."""
    reply_text: str = "Sí, gracias"
    retries: int = Field(3, ge=0)
    """How often a callback is sent again that was not answered with 2xx."""
    retry_delay_s: float = Field(1.0, ge=0)
    early_wait_s: float = Field(5.0, ge=0)
    """How long an answer waits at most for the callbacks that are to come before it."""


@dataclass
class Transaction:
    """A message or a top-up, as far as questions and callbacks need it."""

    id: str
    kind: Literal["sms", "top_up"]
    client: str
    msisdn: str
    cost: Decimal
    accepted_at: float
    status: int
    modes: Modes
    settings: CallbackSettings
    status_at: float = 0.0
    visible_at: float = 0.0
    amount: Decimal = Decimal(0)
    text: str = ""
    encoding: str = "GSM-7"
    segments: int = 0


class Callbacks:
    """Sends them, each transaction's in its own order, and remembers every attempt.

    Args:
        clock: seconds since the epoch, UTC.
        new_id: makes a txID.
        fail: takes back what a top-up has cost.
    """

    def __init__(
        self, clock: Callable[[], float], new_id: Callable[[], str], fail: Callable[[Transaction], None]
    ) -> None:
        self._clock = clock
        self._new_id = new_id
        self._fail = fail
        self._connections: httpx.AsyncHTTPTransport | None = None
        self._places = asyncio.Semaphore(_CONCURRENCY)
        self._tasks: set[asyncio.Task[None]] = set()
        self.attempts: list[dict[str, Any]] = []
        self.gave_up = 0

    @property
    def pending(self) -> int:
        """How many transactions still have something to come."""
        return len(self._tasks)

    async def start(self) -> None:
        """Open the connections' pool, in the event loop that will use it."""
        self._connections = httpx.AsyncHTTPTransport(trust_env=False)
        self._places = asyncio.Semaphore(_CONCURRENCY)

    async def stop(self) -> None:
        """Give up what is pending and close the pool."""
        await self.reset()
        if self._connections is not None:
            await self._connections.aclose()

    async def reset(self) -> None:
        """Give up what is pending and forget every attempt."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.attempts.clear()
        self.gave_up = 0

    async def follow(self, transaction: Transaction) -> None:
        """Start what becomes of a transaction; wait for it where its callbacks are to come before the answer."""
        early = Mode.EARLY in transaction.modes
        task = asyncio.create_task(self._live(transaction, 0.0 if early else transaction.settings.delay_s))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if early:
            await asyncio.wait([task], timeout=transaction.settings.early_wait_s)

    async def _live(self, transaction: Transaction, delay_s: float) -> None:
        late_s = _amount(transaction.modes, Mode.LATE, DEFAULT_LATE_S)
        for at, status in enumerate(_statuses(transaction)):
            await asyncio.sleep(delay_s)
            if at == 0 or status < 0:  # what comes out of order is old news
                self._settle(transaction, status)
            await asyncio.sleep(late_s if at == 0 else 0.0)
            await self._tell(transaction, status)
        if _wants_reply(transaction):
            await asyncio.sleep(delay_s)
            await self._reply(transaction)

    def _settle(self, transaction: Transaction, status: int) -> None:
        transaction.status_at = self._clock()
        if transaction.kind == "top_up":
            transaction.status = status
            if status < 0:
                self._fail(transaction)
        else:
            transaction.status = -105 if status < 0 else 103

    async def _tell(self, transaction: Transaction, status: int) -> None:
        if Mode.NO_CALLBACK in transaction.modes:
            return
        is_top_up = transaction.kind == "top_up"
        settings = transaction.settings
        base = settings.push_url if is_top_up else settings.mt_url
        if base is None:
            return
        url = f"{base.rstrip('/')}/{transaction.client}/{transaction.id}/{status}" if is_top_up else base
        claims = _push_claims(transaction, status) if is_top_up else _mt_claims(transaction, status, self._now())
        await self._send("push_status" if is_top_up else "mt", transaction, status, url, claims)

    async def _reply(self, transaction: Transaction) -> None:
        settings = transaction.settings
        if settings.mo_url is None:
            return
        claims = {
            "txID": self._new_id(),
            "msisdn": transaction.msisdn,
            "message": settings.reply_text,
            "dateTimeTransaction": self._now().strftime("%Y-%m-%dT%H:%M:%S"),
        }
        await self._send("mo", transaction, None, settings.mo_url, claims)

    async def _send(
        self, kind: str, transaction: Transaction, status: int | None, url: str, claims: Mapping[str, Any]
    ) -> None:
        settings = transaction.settings
        token = self._sign(claims, settings, 0)
        await self._deliver(kind, transaction, status, url, token)
        if Mode.DUPLICATE_NEW in transaction.modes:
            token = self._sign(claims, settings, 1)
        if transaction.modes.keys() & {Mode.DUPLICATE, Mode.DUPLICATE_NEW}:
            await self._deliver(kind, transaction, status, url, token)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), ZONE)

    def _sign(self, claims: Mapping[str, Any], settings: CallbackSettings, copy: int) -> str:
        """Sign claims; a second copy is another token, because its `iat` or its `jti` is another."""
        now = int(self._clock()) + copy
        more: dict[str, Any] = {"iat": now, "exp": now + 300} if settings.times else {"jti": copy} if copy else {}
        text = write_json({**claims, **more})
        return _JWS.encode(text.encode(), settings.secret.encode(), settings.algorithm)

    async def _deliver(self, kind: str, transaction: Transaction, status: int | None, url: str, token: str) -> None:
        settings = transaction.settings
        for attempt in itertools.count(1):
            answer = await self._post(url, token, settings)
            self.attempts.append(
                {"kind": kind, "txID": transaction.id, "status": status, "attempt": attempt, "answer": answer}
            )
            if isinstance(answer, int) and httpx.codes.is_success(answer):
                return
            if attempt > settings.retries:
                self.gave_up += 1
                return
            await asyncio.sleep(settings.retry_delay_s)

    async def _post(self, address: str, token: str, settings: CallbackSettings) -> int | str:
        """POST one callback and return the status of the answer, or the name of what went wrong."""
        assert self._connections is not None  # noqa: S101  # the app's lifespan has started us
        url = httpx.URL(address)
        headers, body = _place(token, settings.location)
        headers["host"] = url.netloc.decode()
        if url.host == "localhost" or url.host.endswith(".localhost"):
            url = url.copy_with(host=LOOPBACK)  # not every resolver knows what RFC 6761 says of these names
        request = httpx.Request("POST", url, headers=headers, content=body, extensions={"timeout": _TIMEOUT.as_dict()})
        try:
            async with self._places:  # not through a client of httpx, which logs whole URLs at INFO
                answer = await self._connections.handle_async_request(request)
                await answer.aread()
        except (httpx.HTTPError, OSError) as error:
            return type(error).__name__
        return answer.status_code


def _place(token: str, location: str) -> tuple[dict[str, str], bytes]:
    if location == "field":
        return {"content-type": "application/json"}, write_json({"token": token}).encode()
    if location == "header":
        return {"authorization": f"Bearer {token}"}, b""
    return {"content-type": "application/jwt"}, token.encode()


def _amount(modes: Modes, mode: Mode, default: float) -> float:
    amount = modes.get(mode, 0.0)
    return default if amount is None else amount


def _statuses(transaction: Transaction) -> Sequence[int]:
    """What a transaction's callbacks say, in the order that they come."""
    failed, mixed_up = Mode.FAILED in transaction.modes, Mode.OUT_OF_ORDER in transaction.modes
    if transaction.kind == "top_up":
        end = -105 if failed else 103
        return (end, 102) if mixed_up else (end,)
    statuses = (200, -208 if failed else 201)
    return statuses[::-1] if mixed_up else statuses


def _wants_reply(transaction: Transaction) -> bool:
    asked_for = Mode.REPLY in transaction.modes or REPLY_MARKER in transaction.text.lower()
    return transaction.kind == "sms" and (transaction.settings.reply or asked_for)


def _push_claims(transaction: Transaction, status: int) -> dict[str, Any]:
    claims: dict[str, Any] = {"MSISDN": transaction.msisdn, "amount": transaction.amount, "status": str(status)}
    if transaction.settings.bare:
        return claims
    return {"clientID": transaction.client, "txID": transaction.id, **claims}


def _mt_claims(transaction: Transaction, code: int, now: datetime) -> dict[str, Any]:
    response = {
        "msisdn": transaction.msisdn,
        "cost": transaction.cost,
        "encoding": transaction.encoding,
        "segments": transaction.segments,
        "mcc": "334",
        "mnc": "020",
        "dateTimeTransaction": now.strftime("%Y-%m-%dT%H:%M:%S"),
    }
    return {
        "code": code,
        "message": _MT_WORDS[code],
        "txID": transaction.id,
        "response": None if code < 0 else response,
        "error": None if code < 0 else [None],
    }
