"""Commands in the journal: one entry each, moved from state to state by conditional writes.

    scheduled ──▶ cancelled
        │
        ▼
    waiting
       │
       ▼
    sending ──▶ succeeded | failed | unknown
       │                                │
       └──▶ waiting (it was not sent)   └──▶ succeeded | failed (settled)

A step to `sending` is written before the request leaves, with a claim (a random name of that attempt) and a lease:
whoever finds `sending` after the lease knows that the attempt died, and that nobody knows what became of it.
Many commands are written in one transaction, so that a hundred of them cost two calls and not two hundred.

With the claim of a command whose unknown outcome can be settled goes an item in the provider's list of open commands;
with its known outcome that goes away. So what is in the list is on its way, or nobody knows what became of it. What a
command puts at stake of a daily ceiling is counted in the same transaction as its claim, and given back in the same
as its refusal: the count is what claimed commands ask for, whatever dies in between.
"""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from hookline.commands import BaseCommand, Rejection, command_token
from hookline.errors import JournalUnavailableError
from hookline.sending import Stake
from hookline.table import Table
from hookline.transactions import MAX_WRITES, Group, Transactions, Write, update

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

COMMAND = "command"
REJECTION = "rejection"
LINK = "link"
OPEN = "open"
STAKES = "stakes"

MAX_TRANSACTION_BYTES = 3_000_000
"""What commands may take of a transaction; DynamoDB takes 4 MB, keys and names counted."""


class State(StrEnum):
    """Where a command is in its life."""

    WAITING = "waiting"
    SENDING = "sending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SCHEDULED = "scheduled"
    CANCELLED = "cancelled"


FINAL = frozenset({State.SUCCEEDED, State.FAILED, State.UNKNOWN, State.CANCELLED})
"""States in which a command is not touched again but by settling."""

NEWS = FINAL | {State.SCHEDULED}
"""States that an event is made of."""


class Record(NamedTuple):
    """A command's entry, read.

    Attributes:
        state: where it is.
        digest: of what was asked.
        claim: the attempt that has or had it; "" where none.
        lease_until: seconds since the epoch, UTC: until then that attempt may be alive.
        outcome: what became of it, as JSON values; empty while that is open.
        account: whose it is.
        staked: the day and the amount that it has at stake of a ceiling; None where nothing.
    """

    state: State
    digest: str
    claim: str
    lease_until: float
    outcome: Mapping[str, Any]
    account: str = ""
    staked: tuple[str, Decimal] | None = None


class Finish(NamedTuple):
    """What is to be written of a command that was claimed.

    Attributes:
        command: the command.
        claim: the claim that it was sent under.
        state: succeeded, failed or unknown.
        outcome: what became of it, as JSON values.
        message_id: the provider's id of it, so that callbacks find it; "" where there is none.
        staked: the day and the amount that it has at stake of a ceiling; None where nothing.
    """

    command: BaseCommand
    claim: str
    state: State
    outcome: Mapping[str, Any]
    message_id: str = ""
    staked: tuple[str, Decimal] | None = None


class CommandJournal:
    """Writes and reads commands' entries of one provider.

    Args:
        client: a DynamoDB client with explicit timeouts.
        table: the journal's name.
        provider: the provider's name.
        retention: seconds for which an entry is kept, and so for which the same id is known.
        lease: seconds after which an attempt is surely dead: more than the function may run.
        settled: the commands, by name, whose unknown outcomes can be settled: kept in the list of open ones.
    """

    def __init__(  # what an entry is made of
        self,
        client: "DynamoDBClient",
        table: str,
        provider: str,
        retention: int,
        lease: float,
        settled: frozenset[str] = frozenset(),
    ) -> None:
        self._table = Table(client, table)
        self._transactions = Transactions(client, table)
        self._provider = provider
        self._retention = retention
        self._lease = lease
        self._settled = settled

    def claim(
        self, commands: Sequence[BaseCommand], now: float, stakes: Mapping[str, Stake] | None = None
    ) -> tuple[str, dict[str, Record | Rejection]]:
        """Claim commands for one attempt: those that are new, those that wait, and those whose time has come.

        Args:
            commands: no two of one id.
            now: seconds since the epoch, UTC.
            stakes: what commands put at stake, by id.

        Returns:
            The claim, and by id what is known of each command that could not be claimed; or its rejection, where the
            ceiling of the day does not let it.

        Raises:
            JournalUnavailableError: nothing may be sent. What was claimed is released, as far as the journal answers.
        """
        claim = uuid.uuid4().hex
        try:
            return claim, self._claim(commands, claim, now, stakes or {})
        except JournalUnavailableError:
            with suppress(JournalUnavailableError):
                self.release(commands, claim, {name: stake.staked for name, stake in (stakes or {}).items()})
            raise

    def _claim(
        self, commands: Sequence[BaseCommand], claim: str, now: float, stakes: Mapping[str, Stake]
    ) -> dict[str, Record | Rejection]:
        denied: dict[str, Record | Rejection] = {}
        waiting = list(commands)
        while waiting:
            groups = self._first_that_fit(waiting, claim, now, stakes)
            part, rest = waiting[: len(groups)], waiting[len(groups) :]
            whose = [
                (command, index) for command, group in zip(part, groups, strict=True) for index in range(len(group))
            ]
            failed = self._transactions.write([write for group in groups for write in group])
            for position, item in failed.items():
                command, place = whose[position]
                # Its entry is its first write: what that says goes before what the ceiling says.
                if place == 0:
                    denied[command.id] = read_record(item)
                elif command.id not in denied:
                    denied[command.id] = stakes[command.id].rejection
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
        write = update(
            _key(command.token),
            "SET claim = :claim, lease_until = :lease",
            "claim = :dead AND #state = :sending",
            values,
        )
        return None if self._transactions.write([write]) else claim

    def schedule(self, command: BaseCommand, now: float) -> Record | None:
        """Write down that a command waits for its `send_at`. Returns what is known of it where it is not new.

        Raises:
            JournalUnavailableError: it may or may not be written; the same call can be made again.
        """
        values = {**self._values_of(command, now), ":state": {"S": State.SCHEDULED}}
        write = update(_key(command.token), f"SET {_ALL}, #state = :state", "attribute_not_exists(pk)", values)
        failed = self._transactions.write([write])
        return read_record(failed[0]) if failed else None

    def cancel(self, command_id: str, why: str, now: float) -> bool:
        """Take back a command that waits for its `send_at`. Returns False where it does not any more.

        Args:
            command_id: the command.
            why: the reason, for its event.
            now: seconds since the epoch, UTC.

        Raises:
            JournalUnavailableError: it may or may not be taken back; the same call can be made again.
        """
        values = {
            ":cancelled": {"S": State.CANCELLED},
            ":scheduled": {"S": State.SCHEDULED},
            ":outcome": {"S": json.dumps({"why": why})},
            ":now": {"S": _moment(now)},
        }
        write = update(
            _key(command_token(command_id)),
            "SET #state = :cancelled, outcome = :outcome, recorded_at = :now",
            "#state = :scheduled",
            values,
        )
        return not self._transactions.write([write])

    def finish(self, results: Iterable[Finish], now: float) -> None:
        """Write what became of commands, and the providers' ids that lead to them.

        Raises:
            JournalUnavailableError: some may be written and some not. The same call can be made again.
        """
        # What was settled by somebody else in the meantime stays as they left it; the provider's id leads there all the
        # same. It stands first: whoever does not find a command among the open ones finds whose its id is.
        groups = [(self._link_writes(result, now), self._finish_writes(result, now)) for result in results]
        self._transactions.write_what_can_be([group for both in groups for group in both if group])

    def release(
        self,
        commands: Iterable[BaseCommand],
        claim: str,
        staked: "Mapping[str, tuple[str, Decimal] | None] | None" = None,
    ) -> None:
        """Let commands wait again: nothing of them was sent.

        Args:
            commands: that were claimed.
            claim: the claim.
            staked: the day and the amount that each has at stake, by id.

        Raises:
            JournalUnavailableError: some may still be `sending`, and will be unknown when their lease ends.
        """
        values = {":claim": {"S": claim}, ":sending": {"S": State.SENDING}, ":waiting": {"S": State.WAITING}}
        groups = [
            [
                update(
                    _key(command.token),
                    "SET #state = :waiting REMOVE claim",
                    "claim = :claim AND #state = :sending",
                    values,
                ),
                *self._closing(command),
                *self._unstaking(command, (staked or {}).get(command.id)),
            ]
            for command in commands
        ]
        self._transactions.write_what_can_be(groups)

    def read(self, command_id: str) -> Record | None:
        """Read what is known of a command; None where nothing is."""
        item = self._table.get(_key(command_token(command_id)))
        return read_record(item) if item else None

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
        self._transactions.write([{"Put": {"Item": item, "ConditionExpression": "attribute_not_exists(pk)"}}])

    def _first_that_fit(
        self, commands: Sequence[BaseCommand], claim: str, now: float, stakes: Mapping[str, Stake]
    ) -> list[list[Write]]:
        """Make the writes of the first commands that fit a transaction."""
        groups: list[list[Write]] = []
        days: set[tuple[str, str]] = set()
        size, count = 0, 0
        for command in commands:
            stake = stakes.get(command.id)
            group = self._claim_writes(command, claim, now, stake)
            size += len(command.model_dump_json().encode())
            count += len(group)
            day = {(command.account, stake.staked[0])} if stake else set()
            if groups and (size > MAX_TRANSACTION_BYTES or count > MAX_WRITES or days & day):
                break
            groups.append(group)
            days |= day
        return groups

    def _claim_writes(self, command: BaseCommand, claim: str, now: float, stake: Stake | None) -> list[Write]:
        values = {
            **self._values_of(command, now),
            ":sending": {"S": State.SENDING},
            ":waiting": {"S": State.WAITING},
            ":scheduled": {"S": State.SCHEDULED},
            ":claim": {"S": claim},
            ":lease": {"N": str(now + self._lease)},
        }
        expression = f"SET {_ALL}, #state = :sending, claim = :claim, lease_until = :lease"
        if stake is not None:
            day, amount = stake.staked
            expression += ", stake_day = :day, stake_amount = :amount"
            values |= {":day": {"S": day}, ":amount": {"N": str(amount)}}
        condition = "attribute_not_exists(pk) OR (digest = :digest AND #state IN (:waiting, :scheduled))"
        writes = [update(_key(command.token), expression, condition, values)]
        if command.kind in self._settled:
            item = {
                **self._open_key(command),
                "entry": {"S": OPEN},
                "claimed_at": {"N": str(now)},
                "expires_at": {"N": self._expiry_of(command, now)},
            }
            writes.append({"Put": {"Item": item}})
        if stake is not None:
            writes.append(self._staking(command, stake, now))
        return writes

    def _values_of(self, command: BaseCommand, now: float) -> dict[str, Any]:
        """Give what an entry says of its command, whatever its state: `_ALL` sets it."""
        return {
            ":entry": {"S": COMMAND},
            ":id": {"S": command.id},
            ":provider": {"S": self._provider},
            ":account": {"S": command.account},
            ":kind": {"S": command.kind},
            ":digest": {"S": command.digest},
            ":command": {"S": command.model_dump_json(exclude_none=True)},
            ":now": {"S": _moment(now)},
            ":expiry": {"N": self._expiry_of(command, now)},
        }

    def _open_key(self, command: BaseCommand) -> dict[str, Any]:
        return open_key(self._provider, command.account, command.token)

    def _closing(self, command: BaseCommand) -> list[Write]:
        return [{"Delete": {"Key": self._open_key(command)}}] if command.kind in self._settled else []

    def _staking(self, command: BaseCommand, stake: Stake, now: float) -> Write:
        day, amount = stake.staked
        return {
            "Update": {
                "Key": stakes_key(self._provider, command.account, day),
                "UpdateExpression": "SET entry = :entry, expires_at = :expiry ADD #total :amount",
                "ConditionExpression": "attribute_not_exists(#total) OR #total <= :room",
                "ExpressionAttributeNames": {"#total": "total"},
                "ExpressionAttributeValues": {
                    ":entry": {"S": STAKES},
                    ":amount": {"N": str(amount)},
                    ":room": {"N": str(stake.ceiling - amount)},
                    ":expiry": {"N": self._expiry(now)},
                },
            }
        }

    def _unstaking(self, command: BaseCommand, staked: tuple[str, Decimal] | None) -> list[Write]:
        return [unstaking(self._provider, command.account, *staked)] if staked else []

    def _finish_writes(self, result: Finish, now: float) -> Group:
        values = {
            ":claim": {"S": result.claim},
            ":sending": {"S": State.SENDING},
            ":unknown": {"S": State.UNKNOWN},
            ":state": {"S": result.state},
            ":outcome": {"S": json.dumps(result.outcome, ensure_ascii=False)},
            ":now": {"S": _moment(now)},
        }
        writes: list[Write] = [
            update(
                _key(result.command.token),
                "SET #state = :state, outcome = :outcome, recorded_at = :now",
                "claim = :claim AND #state IN (:sending, :unknown)",
                values,
            )
        ]
        # A message that was taken on without an id stays in the list: a callback that nobody's id leads to may be its.
        if result.state is State.FAILED or (result.state is State.SUCCEEDED and result.message_id):
            writes += self._closing(result.command)
        if result.state is State.FAILED:
            writes += self._unstaking(result.command, result.staked)
        return writes

    def _link_writes(self, result: Finish, now: float) -> Group:
        expiry = self._expiry_of(result.command, now)
        return [linking(self._provider, result.command, result.message_id, expiry)] if result.message_id else []

    def _expiry_of(self, command: BaseCommand, now: float) -> str:
        """What is sent later is answered later: it is kept from then on."""
        send_at = getattr(command, "send_at", None)
        return self._expiry(max(now, send_at.timestamp()) if send_at else now)

    def _expiry(self, now: float) -> str:
        return str(int(now) + self._retention)


_ALL = (
    "entry = :entry, command_id = :id, provider = :provider, account = :account, kind = :kind, digest = :digest, "
    "command = :command, recorded_at = :now, expires_at = :expiry"
)


def linking(provider: str, command: BaseCommand, message_id: str, expires_at: str) -> Write:
    """Write that a provider's id leads to a command, unless it leads to another."""
    item = {
        **link_key(provider, command.account, message_id),
        "entry": {"S": LINK},
        "token": {"S": command.token},
        "expires_at": {"N": expires_at},
    }
    return {
        "Put": {
            "Item": item,
            "ConditionExpression": "attribute_not_exists(#token) OR #token = :token",
            "ExpressionAttributeNames": {"#token": "token"},
            "ExpressionAttributeValues": {":token": item["token"]},
        }
    }


def unstaking(provider: str, account: str, day: str, amount: Decimal) -> Write:
    """Take an amount off what an account's commands of a day have at stake."""
    return {
        "Update": {
            "Key": stakes_key(provider, account, day),
            "UpdateExpression": "ADD #total :less",
            "ExpressionAttributeNames": {"#total": "total"},
            "ExpressionAttributeValues": {":less": {"N": str(-amount)}},
        }
    }


def link_key(provider: str, account: str, message_id: str) -> dict[str, Any]:
    """Return the key of the item that a provider's id leads to a command by."""
    return _key(message_id, f"{LINK}#{provider}#{account}#", LINK)


def open_key(provider: str, account: str, token: str) -> dict[str, Any]:
    """Return a command's key in the provider's list of open commands."""
    return {"pk": {"S": f"{OPEN}#{provider}"}, "sk": {"S": f"{account}#{token}"}}


def stakes_key(provider: str, account: str, day: str) -> dict[str, Any]:
    """Return the key of the item that counts what an account's commands of a day have at stake."""
    return _key(f"{provider}#{account}#{day}", f"{STAKES}#", STAKES)


def _key(value: str, prefix: str = f"{COMMAND}#", sort: str = COMMAND) -> dict[str, Any]:
    return {"pk": {"S": prefix + value}, "sk": {"S": sort}}


def read_record(item: Mapping[str, Any]) -> Record:
    """Read a command's entry, as DynamoDB has it."""
    day = item.get("stake_day", {}).get("S")
    return Record(
        state=State(item["state"]["S"]),
        digest=item["digest"]["S"],
        claim=item.get("claim", {}).get("S", ""),
        lease_until=float(item.get("lease_until", {}).get("N", "0")),
        outcome=json.loads(item.get("outcome", {}).get("S", "{}")),
        account=item["account"]["S"],
        staked=(day, Decimal(item["stake_amount"]["N"])) if day else None,
    )


def _moment(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
