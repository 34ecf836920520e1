"""Commands in the journal: one entry each, moved from state to state by conditional writes.

    waiting ──▶ sending ──▶ succeeded | failed | unknown
       ▲           │                                │
       └───────────┘ (it was not sent)              └──▶ succeeded | failed (settled)

A step to `sending` is written before the request leaves, with a claim (a random name of that attempt) and a lease:
whoever finds `sending` after the lease knows that the attempt died, and that nobody knows what became of it.
Many commands are written in one transaction, so that a hundred of them cost two calls and not two hundred.
"""

import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from botocore.exceptions import BotoCoreError, ClientError

from hookline.commands import BaseCommand, Rejection, command_token
from hookline.errors import JournalUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

COMMAND = "command"
REJECTION = "rejection"
LINK = "link"

MAX_TRANSACTION = 100
"""Items that DynamoDB takes in one transaction."""

MAX_TRANSACTION_BYTES = 3_000_000
"""What commands may take of a transaction; DynamoDB takes 4 MB, keys and names counted."""

MAX_TRIES = 3
"""How often a write is tried that another one was in the way of, or whose outcome would otherwise be forgotten."""


class State(StrEnum):
    """Where a command is in its life."""

    WAITING = "waiting"
    SENDING = "sending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"


FINAL = frozenset({State.SUCCEEDED, State.FAILED, State.UNKNOWN})
"""States in which a command is not touched again but by settling."""


class Record(NamedTuple):
    """A command's entry, read.

    Attributes:
        state: where it is.
        digest: of what was asked.
        claim: the attempt that has or had it; "" where none.
        lease_until: seconds since the epoch, UTC: until then that attempt may be alive.
        outcome: what became of it, as JSON values; empty while that is open.
    """

    state: State
    digest: str
    claim: str
    lease_until: float
    outcome: Mapping[str, Any]


class Finish(NamedTuple):
    """What is to be written of a command that was claimed.

    Attributes:
        command: the command.
        claim: the claim that it was sent under.
        state: succeeded, failed or unknown.
        outcome: what became of it, as JSON values.
        message_id: the provider's id of it, so that callbacks find it; "" where there is none.
    """

    command: BaseCommand
    claim: str
    state: State
    outcome: Mapping[str, Any]
    message_id: str = ""


class _ConflictError(JournalUnavailableError):
    """Another transaction had one of the items at the same moment."""


class CommandJournal:
    """Writes and reads commands' entries of one provider.

    Args:
        client: a DynamoDB client with explicit timeouts.
        table: the journal's name.
        provider: the provider's name.
        retention: seconds for which an entry is kept, and so for which the same id is known.
        lease: seconds after which an attempt is surely dead: more than the function may run.
    """

    def __init__(self, client: "DynamoDBClient", table: str, provider: str, retention: int, lease: float) -> None:
        self._client = client
        self._table = table
        self._provider = provider
        self._retention = retention
        self._lease = lease

    def claim(self, commands: Sequence[BaseCommand], now: float) -> tuple[str, dict[str, Record]]:
        """Claim commands for one attempt: those that are new, and those that wait.

        Args:
            commands: no two of one id.
            now: seconds since the epoch, UTC.

        Returns:
            The claim, and by id what is known of each command that could not be claimed.

        Raises:
            JournalUnavailableError: nothing may be sent. What was claimed is released, as far as the journal answers.
        """
        claim = uuid.uuid4().hex
        try:
            return claim, self._claim(commands, claim, now)
        except JournalUnavailableError:
            with suppress(JournalUnavailableError):
                self.release(commands, claim)
            raise

    def _claim(self, commands: Sequence[BaseCommand], claim: str, now: float) -> dict[str, Record]:
        denied: dict[str, Record] = {}
        waiting = list(commands)
        while waiting:
            part = _first_that_fit(waiting)
            rest = waiting[len(part) :]
            failed = self._write([self._claim_write(command, claim, now) for command in part])
            denied |= {part[index].id: _record(item) for index, item in failed.items()}
            # A transaction is all or nothing: what stood in its way is taken out, and the others are tried again.
            waiting = ([command for command in part if command.id not in denied] if failed else []) + rest
        return denied

    def take_over(self, command: BaseCommand, dead: Record, now: float) -> str | None:
        """Claim a command whose attempt died. Returns the claim; None where another copy was faster."""
        claim = uuid.uuid4().hex
        values = {
            ":dead": {"S": dead.claim},
            ":sending": {"S": State.SENDING},
            ":claim": {"S": claim},
            ":lease": {"N": str(now + self._lease)},
        }
        write = self._update(
            command.token, "SET claim = :claim, lease_until = :lease", "claim = :dead AND #state = :sending", values
        )
        return None if self._write([write]) else claim

    def finish(self, results: Iterable[Finish], now: float) -> None:
        """Write what became of commands, and the providers' ids that lead to them.

        Raises:
            JournalUnavailableError: some may be written and some not. The same call can be made again.
        """
        # What was settled by somebody else in the meantime stays as they left it.
        self._write_what_can_be([write for result in results for write in self._finish_writes(result, now)])

    def release(self, commands: Iterable[BaseCommand], claim: str) -> None:
        """Let commands wait again: nothing of them was sent.

        Raises:
            JournalUnavailableError: some may still be `sending`, and will be unknown when their lease ends.
        """
        values = {":claim": {"S": claim}, ":sending": {"S": State.SENDING}, ":waiting": {"S": State.WAITING}}
        writes = [
            self._update(
                command.token, "SET #state = :waiting REMOVE claim", "claim = :claim AND #state = :sending", values
            )
            for command in commands
        ]
        self._write_what_can_be(writes)

    def read(self, command_id: str) -> Record | None:
        """Read what is known of a command; None where nothing is."""
        item = self._call(
            lambda: self._client.get_item(
                TableName=self._table, Key=_key(command_token(command_id)), ConsistentRead=True
            ).get("Item")
        )
        return _record(item) if item else None

    def reject(self, rejection: Rejection, *, key: str, account: str, command: Mapping[str, str], now: float) -> None:
        """Write down that a command was not taken, so that an event of it is published.

        Args:
            rejection: which field, and why.
            key: the same for the same command: rejecting it twice makes one entry.
            account: the account that it named, where it can be one.
            command: what could be read of it: `id`, `command`, `reference`.
            now: seconds since the epoch, UTC.

        Raises:
            JournalUnavailableError: it may or may not be written; the same call can be made again.
        """
        item = {
            "pk": {"S": f"{REJECTION}#{key}"},
            "sk": {"S": REJECTION},
            "entry": {"S": REJECTION},
            "provider": {"S": self._provider},
            "account": {"S": account},
            "command": {"S": json.dumps(dict(command))},
            "outcome": {"S": json.dumps({"field": rejection.field, "problem": rejection.problem})},
            "recorded_at": {"S": _moment(now)},
            "expires_at": {"N": self._expiry(now)},
        }
        self._write([{"Put": {"Item": item, "ConditionExpression": "attribute_not_exists(pk)"}}])

    def _claim_write(self, command: BaseCommand, claim: str, now: float) -> dict[str, Any]:
        values = {
            ":entry": {"S": COMMAND},
            ":id": {"S": command.id},
            ":provider": {"S": self._provider},
            ":account": {"S": command.account},
            ":kind": {"S": command.kind},
            ":digest": {"S": command.digest},
            ":command": {"S": command.model_dump_json(exclude_none=True)},
            ":sending": {"S": State.SENDING},
            ":waiting": {"S": State.WAITING},
            ":claim": {"S": claim},
            ":lease": {"N": str(now + self._lease)},
            ":now": {"S": _moment(now)},
            ":expiry": {"N": self._expiry_of(command, now)},
        }
        update = (
            "SET entry = :entry, command_id = :id, provider = :provider, account = :account, kind = :kind, "
            "digest = :digest, command = :command, #state = :sending, claim = :claim, lease_until = :lease, "
            "recorded_at = :now, expires_at = :expiry"
        )
        condition = "attribute_not_exists(pk) OR (digest = :digest AND #state = :waiting)"
        return self._update(command.token, update, condition, values)

    def _finish_writes(self, result: Finish, now: float) -> list[dict[str, Any]]:
        values = {
            ":claim": {"S": result.claim},
            ":sending": {"S": State.SENDING},
            ":unknown": {"S": State.UNKNOWN},
            ":state": {"S": result.state},
            ":outcome": {"S": json.dumps(result.outcome, ensure_ascii=False)},
            ":now": {"S": _moment(now)},
        }
        writes = [
            self._update(
                result.command.token,
                "SET #state = :state, outcome = :outcome, recorded_at = :now",
                "claim = :claim AND #state IN (:sending, :unknown)",
                values,
            )
        ]
        if result.message_id:
            link = {
                **_key(result.message_id, f"{LINK}#{self._provider}#{result.command.account}#", LINK),
                "entry": {"S": LINK},
                "token": {"S": result.command.token},
                "expires_at": {"N": self._expiry_of(result.command, now)},
            }
            writes.append({"Put": {"Item": link}})
        return writes

    def _update(self, token: str, update: str, condition: str, values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "Update": {
                "Key": _key(token),
                "UpdateExpression": update,
                "ConditionExpression": condition,
                "ExpressionAttributeNames": {"#state": "state"},
                "ExpressionAttributeValues": values,
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }

    def _write_what_can_be(self, writes: Sequence[dict[str, Any]]) -> None:
        """Write all but those whose condition does not hold. What is lost here nobody knows again: try hard."""
        for start in range(0, len(writes), MAX_TRANSACTION):
            part = writes[start : start + MAX_TRANSACTION]
            tries = 0
            while part:
                try:
                    failed = self._write(part)
                except JournalUnavailableError:
                    tries += 1
                    if tries == MAX_TRIES:
                        raise
                    continue
                part = [write for index, write in enumerate(part) if index not in failed] if failed else []

    def _write(self, writes: Sequence[dict[str, Any]]) -> dict[int, Mapping[str, Any]]:
        """Write all of them or none; again where another transaction was in the way.

        Returns:
            Empty where all are written; else what stood in the way, by position.
        """
        for _ in range(MAX_TRIES - 1):
            with suppress(_ConflictError):
                return self._write_once(writes)
        return self._write_once(writes)

    def _write_once(self, writes: Sequence[dict[str, Any]]) -> dict[int, Mapping[str, Any]]:
        """Write all of them or none.

        Returns:
            Empty where all are written; else what stood in the way, by position.
        """
        if not writes:
            return {}
        items = [{verb: {"TableName": self._table, **write[verb]} for verb in write} for write in writes]
        try:
            self._client.transact_write_items(TransactItems=cast("Any", items))
        except ClientError as error:
            if error.response["Error"]["Code"] != "TransactionCanceledException":
                raise JournalUnavailableError(error.response["Error"]["Code"]) from error
            reasons = cast("Sequence[Mapping[str, Any]]", error.response.get("CancellationReasons", []))
            others = {str(reason.get("Code")) for reason in reasons} - {"None", "ConditionalCheckFailed"}
            if others == {"TransactionConflict"}:  # then nothing is written
                raise _ConflictError("TransactionConflict") from error
            if others or not reasons:
                raise JournalUnavailableError(min(others, default="TransactionCanceled")) from error
            return {
                index: cast("Mapping[str, Any]", reason.get("Item") or {})
                for index, reason in enumerate(reasons)
                if reason.get("Code") == "ConditionalCheckFailed"
            }
        except BotoCoreError as error:
            raise JournalUnavailableError(type(error).__name__) from error
        return {}

    @staticmethod
    def _call[T](call: Callable[[], T]) -> T:
        try:
            return call()
        except (ClientError, BotoCoreError) as error:
            raise JournalUnavailableError(type(error).__name__) from error

    def _expiry_of(self, command: BaseCommand, now: float) -> str:
        """What is sent later is answered later: it is kept from then on."""
        send_at = getattr(command, "send_at", None)
        return self._expiry(max(now, send_at.timestamp()) if send_at else now)

    def _expiry(self, now: float) -> str:
        return str(int(now) + self._retention)


def _first_that_fit(commands: Sequence[BaseCommand]) -> list[BaseCommand]:
    """Take the first commands that fit a transaction."""
    part: list[BaseCommand] = []
    size = 0
    for command in commands[:MAX_TRANSACTION]:
        size += len(command.model_dump_json().encode())
        if part and size > MAX_TRANSACTION_BYTES:
            break
        part.append(command)
    return part


def _key(value: str, prefix: str = f"{COMMAND}#", sort: str = COMMAND) -> dict[str, Any]:
    return {"pk": {"S": prefix + value}, "sk": {"S": sort}}


def _record(item: Mapping[str, Any]) -> Record:
    return Record(
        state=State(item["state"]["S"]),
        digest=item["digest"]["S"],
        claim=item.get("claim", {}).get("S", ""),
        lease_until=float(item.get("lease_until", {}).get("N", "0")),
        outcome=json.loads(item.get("outcome", {}).get("S", "{}")),
    )


def _moment(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
