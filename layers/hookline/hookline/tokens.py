"""Access tokens of providers that want one: shared by every running copy, renewed by one at a time.

A token stands in a table of its own, which only those may read that call the provider. Whoever finds it missing
or old takes a lock with a lease, logs in, and writes the new one down; the others go on with the old one while it
lives, or come again in a moment. A holder that dies loses the lock with its lease. Credentials that the provider
refused are not tried again for a while, by anybody: a wrong password must not become a storm.
"""

import time
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from hookline.outcomes import Answer, NotSent, Outcome, Refused
from hookline.sending import SendingAccount, SendingProvider
from hookline.table import Table
from hookline.telemetry import Telemetry

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TOKEN = "token"  # noqa: S105  # the name of an item

LEASE_SECONDS = 30.0
"""After this a holder of the lock is surely dead or late: longer than a log-in may take."""

WAIT_SECONDS = 2.0
"""When whoever found the lock taken comes again."""

REFUSED_SECONDS = 300.0
"""For so long nobody tries credentials that the provider refused."""

NEW_SECONDS = 5.0
"""A token that is refused so soon after it was issued is not mended by another one."""

KEPT_SECONDS = 86_400
"""For so long the item of a token that is over is kept: DynamoDB deletes it then."""


class _Held(NamedTuple):
    token: str
    issued_at: float
    refused_until: float
    refused_why: str = ""


class Tokens:
    """Gives access tokens.

    Args:
        client: a DynamoDB client.
        table: the table's name.
        provider: whose tokens; it has `log_in` and `read_token`.
        http: sends the log-in; its timeouts are explicit and within the lease.
        telemetry: says what happened.
        lifetime: seconds after which a token is renewed.
        clock: seconds since the epoch, UTC.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # everything that it touches is handed in
        self,
        client: "DynamoDBClient",
        table: str,
        provider: SendingProvider,
        http: httpx.Client,
        telemetry: Telemetry,
        lifetime: float = 23 * 3600.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._table = Table(client, table)
        self._provider = provider
        self._http = http
        self._telemetry = telemetry
        self._lifetime = lifetime
        self._clock = clock
        self._known: dict[str, _Held] = {}

    def __call__(self, account: "SendingAccount[Any]", renew: bool) -> str | Outcome:  # noqa: FBT001
        """Give an account's token.

        Args:
            account: whose.
            renew: the provider did not accept the one that was given last.

        Returns:
            The token, or NotSent where there is none to be had for now.

        Raises:
            JournalUnavailableError: nothing may be sent.
        """
        if self._provider.log_in is None:
            return ""
        now = self._clock()
        known = self._known.get(account.name)
        if known is not None and not renew and now < known.issued_at + self._lifetime:
            return known.token
        found = self._read(account.name)
        is_new = found.token and not (renew and known is not None and found.token == known.token)
        if is_new and now < found.issued_at + self._lifetime:
            self._known[account.name] = found
            return found.token
        if found.refused_until > now:
            return NotSent(found.refused_why, found.refused_until - now)
        if renew and found.token and now < found.issued_at + NEW_SECONDS:
            return NotSent("token_refused")
        return self._renew(account, found)

    def _renew(self, account: "SendingAccount[Any]", found: _Held) -> str | Outcome:
        owner = uuid.uuid4().hex
        if not self._lock(account.name, owner, found):
            return NotSent("token_being_renewed", WAIT_SECONDS, waits=True)
        outcome = self._log_in(account)
        now = self._clock()
        if isinstance(outcome, str):
            expiry = {"N": str(int(now + self._lifetime) + KEPT_SECONDS)}
            kept = {"token": {"S": outcome}, "issued_at": {"N": str(now)}, "expires_at": expiry}
            self._unlock(account.name, owner, kept)
            self._known[account.name] = _Held(outcome, now, 0)
            return outcome
        if isinstance(outcome, Refused):
            outcome = NotSent("credentials_refused", REFUSED_SECONDS)
        if isinstance(outcome, NotSent) and (outcome.delay is not None or outcome.stop_account):
            until = {"N": str(now + (outcome.delay or REFUSED_SECONDS))}
            self._unlock(account.name, owner, {"refused_until": until, "refused_why": {"S": outcome.why}})
            return outcome
        self._unlock(account.name, owner, {})
        why = getattr(outcome, "why", "no_token")
        return outcome if isinstance(outcome, NotSent) else NotSent(f"log_in_{why}")

    def _log_in(self, account: "SendingAccount[Any]") -> str | Outcome:
        assert self._provider.log_in is not None  # noqa: S101  # both come together
        assert self._provider.read_token is not None  # noqa: S101
        call = self._provider.log_in(account)
        try:
            response = self._http.request(call.method, call.url, headers=dict(call.headers), content=call.content)
        except (httpx.HTTPError, httpx.InvalidURL) as error:  # a question: asking it again does no harm
            self._count("error")
            return NotSent(f"log_in_{type(error).__name__}")
        outcome = self._provider.read_token(Answer(response.status_code, response.headers, response.content))
        self._count("logged_in" if isinstance(outcome, str) else type(outcome).__name__)
        return outcome

    def _count(self, result: str) -> None:
        self._telemetry.count("log_ins", dimensions={"provider": self._provider.name, "result": result})

    def _read(self, account: str) -> _Held:
        item = self._table.get(self._key(account)) or {}
        return _Held(
            item.get("token", {}).get("S", ""),
            float(item.get("issued_at", {}).get("N", "0")),
            float(item.get("refused_until", {}).get("N", "0")),
            item.get("refused_why", {}).get("S", "credentials_refused"),
        )

    def _lock(self, account: str, owner: str, found: _Held) -> bool:
        """Take the lock, where nobody has it and the token is still the one that was found."""
        now = self._clock()
        return self._table.update(
            self._key(account),
            "SET lock_owner = :owner, lock_until = :until, entry = :entry",
            "(attribute_not_exists(lock_until) OR lock_until < :now) AND "
            + ("#token = :found" if found.token else "attribute_not_exists(#token)"),
            {
                ":owner": {"S": owner},
                ":until": {"N": str(now + LEASE_SECONDS)},
                ":now": {"N": str(now)},
                ":entry": {"S": TOKEN},
                **({":found": {"S": found.token}} if found.token else {}),
            },
            token="token",  # noqa: S106  # the name of an attribute
        )

    def _unlock(self, account: str, owner: str, values: Mapping[str, Any]) -> None:
        """Give the lock back, and write down what came of it; where the lease ran out, the next holder knows better."""
        sets = ", ".join(f"#{name} = :{name}" for name in values)
        expression = (f"SET {sets} " if sets else "") + "REMOVE lock_owner, lock_until"
        written = {f":{name}": value for name, value in values.items()}
        names = {name: name for name in values}
        self._table.update(
            self._key(account), expression, "lock_owner = :owner", {":owner": {"S": owner}, **written}, **names
        )

    def _key(self, account: str) -> dict[str, Any]:
        return {"pk": {"S": f"{TOKEN}#{self._provider.name}#{account}"}, "sk": {"S": TOKEN}}
