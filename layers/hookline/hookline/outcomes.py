"""What became of a request to a provider: one of four, decided in one place, and never guessed.

    Done            the provider did it, or took it on
    Refused         the provider will never do it: no use in asking again
    NotSent         it did not reach the provider, or was turned away for now: ask again later
    MayHaveBeenSent nobody knows: asking again may do it twice

Imports nothing of ours.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Any, NamedTuple

import httpx


class Done(NamedTuple):
    """The provider did it, or took it on.

    Attributes:
        facts: what the provider said of it, by our names: `message_id`, `cost`, `segments`, `balance` and so on, as
            JSON values (money as `{"amount": "0.29", "currency": "MXN"}`).
        provider_data: the provider's own answer, secrets left out.
    """

    facts: Mapping[str, Any]
    provider_data: Mapping[str, Any]


class Refused(NamedTuple):
    """The provider will never do it.

    Attributes:
        code: the provider's own code, as text.
        text: the provider's words, or ours.
        provider_data: the provider's own answer, secrets left out.
    """

    code: str
    text: str
    provider_data: Mapping[str, Any]


class NotSent(NamedTuple):
    """It did not reach the provider, or was turned away for now.

    Attributes:
        why: a short name of the cause, never made of input.
        delay: seconds that the provider asks to wait; None where it does not say.
        renew_token: the provider did not accept our token: a new one is worth one more try at once.
        split: the provider turned a call with many commands away as a whole: each is worth a call of its own.
        stop_account: nothing of this account that costs is worth another call until a person did something: there is no
            money.
        waits: nothing went wrong, it only is not its turn: not counted as a try.
    """

    why: str
    delay: float | None = None
    renew_token: bool = False
    split: bool = False
    stop_account: bool = False
    waits: bool = False


class MayHaveBeenSent(NamedTuple):
    """Nobody knows.

    Attributes:
        why: a short name of the cause, never made of input.
        facts: what the answer said all the same, by our names: the provider's id, with which it can be settled.
    """

    why: str
    facts: Mapping[str, Any] = MappingProxyType({})


type Outcome = Done | Refused | NotSent | MayHaveBeenSent


class Call(NamedTuple):
    """One HTTP request to a provider.

    Attributes:
        method: the HTTP method.
        url: the whole URL. It can hold credentials: never log it.
        headers: credentials among them: never log them.
        content: the body.
        size: how many commands it carries: its answer gives as many outcomes, in the same order.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes
    size: int = 1

    def __repr__(self) -> str:
        """Show nothing that can hold a credential, a number or a text."""
        return f"Call({self.method}, {self.size} commands, {len(self.content)} bytes)"


class Answer(NamedTuple):
    """What a provider answered: status, headers in lower case, and the body whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        """Show nothing of what a provider may repeat to us."""
        return f"Answer({self.status}, {len(self.body)} bytes)"


_NOT_SENT = (
    httpx.ConnectError,  # refused, unreachable, DNS, TLS: nothing of the request has left
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,  # a proxy did not make the connection for us
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
    httpx.LocalProtocolError,
)


def outcome_of_error(error: Exception) -> NotSent | MayHaveBeenSent:
    """Say what it means that no answer came.

    Args:
        error: what httpx raised.

    Returns:
        NotSent where the request can't have left this machine; MayHaveBeenSent for everything else.
    """
    why = type(error).__name__
    return NotSent(why) if isinstance(error, _NOT_SENT) else MayHaveBeenSent(why)


MAX_RETRY_AFTER = 86_400.0
"""Seconds: the longest that `Retry-After` is believed."""


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Read `Retry-After` in seconds, whichever of its two forms it has.

    Args:
        headers: names in lower case.
        now: aware; the system's clock where it is not given.

    Returns:
        Seconds from 0 to MAX_RETRY_AFTER; None where it is absent or unreadable.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(MAX_RETRY_AFTER, float(value))
    try:
        moment = parsedate_to_datetime(value)
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - (now or datetime.now(UTC))
    except (ValueError, TypeError, OverflowError):
        return None
    return min(MAX_RETRY_AFTER, max(0.0, seconds.total_seconds()))
