"""The callbacks that follow an accepted message: delivery reports and replies, signed, as Zoom Connect sends them.

Source: the provider's document, "Receiving a reply", "Receiving a delivery report", "Validating a received message".
"""

import asyncio
import base64
import itertools
import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field

from hookline.providers.zoom_connect.verify import canonical, sign
from simulators.common import LOOPBACK
from simulators.zoom_connect.modes import Mode
from simulators.zoom_connect.wire import MINUTE_FORMAT, ZONE

REPLY_MARKER = "reply please"
NONCE_LIFE = timedelta(minutes=5)
_SECOND_FORMAT = "%Y%m%d%H%M%S"
_URL = "^https?://[^/?#]+"
_TIMEOUT = httpx.Timeout(30.0)
_CONCURRENCY = 4  # callbacks at once: a local stack starts a copy of the receiving function for each


class CallbackSettings(BaseModel):
    """Where an account's callbacks go, and how.

    A host that ends in `.localhost` is taken as this machine, and named in the `Host` header.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    reply_url: str | None = Field(None, pattern=_URL)
    delivery_report_url: str | None = Field(None, pattern=_URL)
    secret: str = Field("", repr=False)
    """The account's secret key, which callbacks are signed with."""
    canonical_form: Literal["php", "java"] = "php"
    delay_s: float = Field(0.1, ge=0)
    """From accepting to SENT, from SENT to DELIVERED, and from there to the reply."""
    reply: bool = False
    """Reply to every message, not only to those that ask for it."""
    reply_text: str = "Yes, thank you"
    retries: int = Field(3, ge=0)
    """How often a callback is sent again that was not answered with 2xx."""
    retry_delay_s: float = Field(1.0, ge=0)
    early_wait_s: float = Field(5.0, ge=0)
    """How long the answer to a send waits at most for the reports that are to come before it."""


@dataclass
class Message:
    """An accepted message, as far as its callbacks need it."""

    id: str
    recipient: str
    text: str
    campaign: str | None
    data_field: str | None
    send_at: float
    modes: frozenset[Mode]
    settings: CallbackSettings
    status: str = "SENT"


class Callbacks:
    """Sends them, each message's in its own order, and remembers every attempt.

    Args:
        clock: seconds since the epoch, UTC.
        new_id: makes the id of a reply.
    """

    def __init__(self, clock: Callable[[], float], new_id: Callable[[], str]) -> None:
        self._clock = clock
        self._new_id = new_id
        self._random = random.Random(0)  # noqa: S311  # an order of parameters, no secret
        self._connections: httpx.AsyncHTTPTransport | None = None
        self._places = asyncio.Semaphore(_CONCURRENCY)
        self._tasks: set[asyncio.Task[None]] = set()
        self.attempts: list[dict[str, Any]] = []
        self.gave_up = 0

    @property
    def pending(self) -> int:
        """How many messages still have callbacks to come."""
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

    def follow(self, message: Message, *, now: bool) -> asyncio.Task[None]:
        """Start to send a message's callbacks.

        Args:
            message: whose.
            now: without the delays of its settings: the caller will wait for them.
        """
        task = asyncio.create_task(self._live(message, 0.0 if now else message.settings.delay_s))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def wait(self, tasks: Sequence[asyncio.Task[None]], seconds: float) -> None:
        """Wait for some messages' callbacks, so long and no longer."""
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)

    async def _live(self, message: Message, delay_s: float) -> None:
        await asyncio.sleep(max(0.0, message.send_at - self._clock()))
        for status in _statuses(message.modes):
            await asyncio.sleep(delay_s)
            message.status = status
            await self._report(message, status)
        if _wants_reply(message):
            await asyncio.sleep(delay_s)
            await self._reply(message)

    async def _report(self, message: Message, status: str) -> None:
        if message.settings.delivery_report_url is None:
            return
        signed = self._sign(message, _report_parameters(message, status, self._now()))
        await self._deliver(message, "delivery_report", status, signed)
        if Mode.DUPLICATE_NEW_NONCE in message.modes:
            signed = self._sign(message, _report_parameters(message, status, self._now()))
        if message.modes & {Mode.DUPLICATE, Mode.DUPLICATE_NEW_NONCE}:
            await self._deliver(message, "delivery_report", status, signed)

    async def _reply(self, message: Message) -> None:
        if message.settings.reply_url is not None:
            parameters = _reply_parameters(message, self._new_id(), self._now())
            await self._deliver(message, "reply", None, self._sign(message, parameters))

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), ZONE)

    def _sign(self, message: Message, parameters: Mapping[str, str]) -> bytes:
        """Encode and sign parameters, in no order, as a hash map's."""
        java = message.settings.canonical_form == "java"
        checksum = sign(parameters.items(), message.settings.secret.encode(), java=java)
        pieces = [*canonical(parameters.items(), java=java).split(b"&"), b"checksum=" + checksum.encode()]
        self._random.shuffle(pieces)
        return b"&".join(pieces)

    async def _deliver(self, message: Message, kind: str, status: str | None, signed: bytes) -> None:
        settings = message.settings
        for attempt in itertools.count(1):
            answer = await self._post(kind, settings, signed)
            self.attempts.append(
                {"kind": kind, "message_id": message.id, "status": status, "attempt": attempt, "answer": answer}
            )
            if isinstance(answer, int) and httpx.codes.is_success(answer):
                return
            if attempt > settings.retries:
                self.gave_up += 1
                return
            await asyncio.sleep(settings.retry_delay_s)

    async def _post(self, kind: str, settings: CallbackSettings, signed: bytes) -> int | str:
        """POST one callback and return the status of the answer, or the name of what went wrong."""
        assert self._connections is not None  # noqa: S101  # the app's lifespan has started us
        url = httpx.URL((settings.reply_url if kind == "reply" else settings.delivery_report_url) or "")
        headers = {"host": url.netloc.decode()}
        if url.host == "localhost" or url.host.endswith(".localhost"):
            url = url.copy_with(host=LOOPBACK)  # not every resolver knows what RFC 6761 says of these names
        body = b""
        if kind == "reply":
            body, headers["content-type"] = signed, "application/x-www-form-urlencoded"
        else:
            path, _, query = url.raw_path.partition(b"?")
            url = url.copy_with(raw_path=path + b"?" + query + b"&" + signed)
        request = httpx.Request("POST", url, headers=headers, content=body, extensions={"timeout": _TIMEOUT.as_dict()})
        try:
            async with self._places:  # not through a client of httpx, which logs whole URLs at INFO
                answer = await self._connections.handle_async_request(request)
                await answer.aread()
        except (httpx.HTTPError, OSError) as error:
            return type(error).__name__
        return answer.status_code


def _statuses(modes: frozenset[Mode]) -> list[str]:
    if Mode.NO_REPORT in modes:
        return []
    statuses = ["SENT", "FAILED" if Mode.FAILED_REPORT in modes else "DELIVERED"]
    return statuses[::-1] if Mode.OUT_OF_ORDER in modes else statuses


def _wants_reply(message: Message) -> bool:
    asked_for = Mode.REPLY in message.modes or REPLY_MARKER in message.text.lower()
    return message.settings.reply or asked_for


def _report_parameters(message: Message, status: str, now: datetime) -> dict[str, str]:
    return {"from": message.recipient, "messageId": message.id, "status": status} | _common(message, now)


def _reply_parameters(message: Message, reply_id: str, now: datetime) -> dict[str, str]:
    """A reply names the message replied to three times: by its id, in `to`, and in what came as `dataField`."""
    return {
        "from": message.recipient,
        "to": "INF-" + base64.urlsafe_b64encode(bytes.fromhex(message.id)).decode(),
        "messageId": reply_id,
        "repliedToMessageId": message.id,
        "message": message.settings.reply_text,
    } | _common(message, now)


def _common(message: Message, now: datetime) -> dict[str, str]:
    echoed = {"campaign": message.campaign, "dataField": message.data_field}
    return {
        **{name: value for name, value in echoed.items() if value is not None},
        "date": now.strftime(MINUTE_FORMAT),
        "charset": "UTF-8",
        "nonce": str(uuid.uuid4()),
        "nonce-date": (now + NONCE_LIFE).strftime(_SECOND_FORMAT),
    }
